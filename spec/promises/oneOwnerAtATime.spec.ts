import { once } from 'node:events';
import { filter, firstValueFrom, map, ReplaySubject, Subject, take, tap } from 'rxjs';
import { WebSocket } from 'ws';
import { StoreError } from '../../lib/message/errors.js';
import { asObservable } from '../../lib/message/maybeAsync.js';
import { CloseCode } from '../../lib/message/closeCode.js';
import { webSocket } from '../../lib/io/webSocket.js';
import { createMessage } from '../../lib/message/createMessage.js';
import { lmdbStore, type LmdbTransaction } from '../../lib/adapters/node/index.js';
import { consume } from '../../lib/operators/consume/consume.js';
import type { ClaimedInbox } from '../../lib/stores/inbox.js';
import { memoryOutbox } from '../../lib/stores/memoryOutbox.js';
import { connect } from '../../lib/wire/connect.js';
import type { Wire } from '../../lib/wire/wire.js';
import { folder } from '../stores/lmdb/folder.js';
import { eventually } from '../support/eventually.js';
import { fakeInbox, type FakeInbox } from '../support/fakeInbox.js';
import { status } from '../support/proxiedPair.js';
import { record, type Recording } from '../support/record.js';
import { startVirtual, turns } from '../server/virtual.js';
import { scriptedOutbox } from '../support/scriptedOutbox.js';
import { batch, helloFrame } from '../support/sessionFrames.js';
import { tcpProxy } from '../support/tcpProxy.js';
import { wireServer } from '../support/wireServer.js';

const job = (id: string) => createMessage('test.job', id, { id, delivery: 'exactly-once' });
const fenced = new StoreError('lmdb', 'fenced');

/** A server on a folder of LMDB. Its handlers take until `finish$` emits. */
async function owner(path: string) {
  const store = lmdbStore({ path });
  const effects = store.table<number>('effects');
  const started: string[] = [];
  const finish$ = new Subject<void>();
  const wires: Wire[] = [];
  const errors: Recording<unknown>[] = [];
  const server = await wireServer(
    (wire) => {
      wires.push(wire);
      errors.push(record(wire.errors$));
      const handler = ({ id }: { readonly id: string }) => {
        started.push(id);
        return firstValueFrom(finish$);
      };
      const effect = (transaction: LmdbTransaction, { id }: { readonly id: string }): void =>
        transaction.put(effects, id, (transaction.get(effects, id) ?? 0) + 1);
      wire.pipe(consume(handler, { effect, concurrency: 10 })).subscribe();
    },
    { inbox: store.inbox, outbox: store.outbox },
  );
  return {
    ...{ started, wires, errors, server, effects },
    finish: (): void => finish$.next(),
    async close(): Promise<void> {
      await server.close();
      store.close();
    },
  };
}

/** Two servers on one folder, and a client of the first one. */
async function scene() {
  const path = folder();
  const [a, b] = [await owner(path), await owner(path)];
  const proxy = await tcpProxy(a.server.port);
  const outbox = memoryOutbox();
  let pid = '';
  const client = connect({
    link: webSocket(`ws://127.0.0.1:${proxy.port}/wire`),
    reconnect: { initialInterval: 5, maxInterval: 5, jitter: 0 },
    outbox: { ...outbox, open: () => asObservable(() => outbox.open()).pipe(tap((contents) => (pid = contents.pid))) },
  });
  const [received, receipts] = [record(client), record(client.receipts$)];
  await eventually(() => expect(a.wires).toHaveLength(1));
  return {
    ...{ a, b, client, received, receipts, pid: () => pid },
    /** Moves the client to another server. */
    async goTo(to: typeof a): Promise<void> {
      proxy.aim(to.server.port);
      proxy.cut();
      await status(client, 'reconnecting');
      await status(client, 'connected');
    },
    acked: (count: number) => eventually(() => expect(receipts.values.filter((one) => one.status === 'acked')).toHaveLength(count)),
    async close(): Promise<void> {
      client.unsubscribe();
      await proxy.close();
      await a.close();
      await b.close();
    },
  };
}

describe('A client has one owner at a time, whatever number of servers share the store', () => {
  it('stores an effect once, when the client goes to another server during its handler', async () => {
    const { a, b, client, goTo, acked, close } = await scene();
    client.next(job('m1'));
    await eventually(() => expect(a.started).toEqual(['m1']));
    await goTo(b);
    await eventually(() => expect(b.started).toEqual(['m1']));
    a.finish();
    await eventually(() => expect(a.errors[0]?.values).toContainEqual(fenced));
    b.finish();
    await acked(1);
    expect(a.effects.get('m1')).toBe(1);
    expect(b.errors[0]?.values).toEqual([]);
    await close();
  });

  it('never moves the cursor back', async () => {
    const { a, b, client, goTo, acked, close } = await scene();
    client.next(job('m1'));
    await eventually(() => expect(a.started).toEqual(['m1']));
    await goTo(b);
    const jobs = ['m2', 'm3', 'm4', 'm5'];
    jobs.forEach((id) => client.next(job(id)));
    await eventually(() => expect(b.started).toEqual(['m1', ...jobs]));
    b.finish();
    await acked(5);
    a.finish();
    await eventually(() => expect(a.errors[0]?.values).toContainEqual(fenced));
    await goTo(a);
    client.next(job('m6'));
    await eventually(() => expect(a.started).toEqual(['m1', 'm6']));
    a.finish();
    await acked(6);
    expect(['m1', ...jobs, 'm6'].map((id) => a.effects.get(id))).toEqual([1, 1, 1, 1, 1, 1]);
    await close();
  });

  it('lets the client return to its first server while that still waits for the client', async () => {
    const { a, b, client, received, goTo, acked, close } = await scene();
    client.next(job('m1'));
    await eventually(() => expect(a.started).toEqual(['m1']));
    a.finish();
    await acked(1);
    for (let round = 0; round < 3; round++) for (const next of [b, a]) await goTo(next);
    client.next(job('m2'));
    await eventually(() => expect(a.started).toEqual(['m1', 'm2']));
    a.finish();
    await acked(2);
    expect(received.isOver()).toBe(false);
    expect(a.wires).toHaveLength(4);
    await close();
  });

  it('ends a session whose claim is lost: its message gets a last receipt, and nothing is acked', async () => {
    const { a, b, client, goTo, acked, close } = await scene();
    const wire = a.wires[0]!;
    const [ended, receipts] = [record(wire), record(wire.receipts$)];
    // Then the server has stored the session.
    client.next(job('m0'));
    await eventually(() => expect(a.started).toEqual(['m0']));
    a.finish();
    await acked(1);
    await goTo(b);
    await eventually(() => expect(b.wires).toHaveLength(1));
    wire.next(createMessage('test.said', null, { id: 's1' }));
    expect(await ended.ended).toBe('complete');
    expect(receipts.values.at(-1)).toMatchObject({ id: 's1', status: 'dead' });
    expect(a.errors[0]?.values).toContainEqual(fenced);
    b.wires[0]!.next(createMessage('test.said', null, { id: 's2' }));
    expect(await firstValueFrom(client.pipe(filter(({ id }) => id === 's2')))).toBeDefined();
    await close();
  });

  it('claims nothing for a hello that is refused', async () => {
    const { a, b, client, pid, acked, close } = await scene();
    // Then the server has stored what it knows of the client.
    client.next(job('m0'));
    await eventually(() => expect(a.started).toEqual(['m0']));
    a.finish();
    await acked(1);
    const stranger = new WebSocket(b.server.url);
    await once(stranger, 'open');
    stranger.send(helloFrame({ pid: pid(), n: 9 }));
    expect((await once(stranger, 'close'))[0]).toBe(CloseCode.FORBIDDEN);
    const said = createMessage('test.said', null, { id: 's1' });
    const receipts = record(a.wires[0]!.receipts$);
    a.wires[0]!.next(said);
    await eventually(() => expect(receipts.values.at(-1)).toMatchObject({ id: 's1', status: 'acked' }));
    client.next(job('m1'));
    await eventually(() => expect(a.started).toEqual(['m0', 'm1']));
    a.finish();
    await acked(2);
    await close();
  });

  it('accepts a client that returns while its session ends', async () => {
    const inbox = fakeInbox();
    const answer$ = new ReplaySubject<void>();
    let renewals = 0;
    const claim: FakeInbox['claim'] = (sender, decide) => {
      const claimed = inbox.claim(sender, decide) as ClaimedInbox;
      if (!claimed.record) return claimed;
      renewals++;
      return answer$.pipe(map(() => claimed));
    };
    const wires: Wire[] = [];
    const server = await wireServer((wire) => wires.push(wire), { inbox: { ...inbox, claim }, detachedTimeout: 20 });
    const proxy = await tcpProxy(server.port);
    const client = connect({
      link: webSocket(`ws://127.0.0.1:${proxy.port}/wire`),
      reconnect: { initialInterval: 5, maxInterval: 5, jitter: 0 },
    });
    const received = record(client);
    await status(client, 'connected');
    await eventually(() => expect(wires).toHaveLength(1));
    const first = record(wires[0]!);
    proxy.cut();
    await eventually(() => expect(renewals).toBe(1));
    await first.ended;
    answer$.next();
    await status(client, 'connected');
    await eventually(() => expect(wires).toHaveLength(2));
    expect(received.isOver()).toBe(false);
    client.unsubscribe();
    await proxy.close();
    await server.close();
  });

  it('acks nothing once a session has learned that its claim is lost, also while its outbox still writes', async () => {
    const isWritten$ = new Subject<void>();
    const outbox = () => scriptedOutbox({ append: () => isWritten$.pipe(take(1)) });
    const commits$ = new Subject<void>();
    const inbox: FakeInbox = { ...fakeInbox(), commit: () => commits$.pipe(take(1)) };
    const { enter, wires } = startVirtual({ inbox, outbox });
    const { send, frames, code } = await enter();
    wires[0]!.next(createMessage('test.said', null));
    send(batch(1, 'm1'));
    await turns();
    commits$.error(fenced);
    await turns();
    const before = frames.values.length;
    send('["ping",1]', batch(1, 'm1'));
    await turns();
    expect(frames.values.slice(before)).toEqual([]);
    isWritten$.next();
    expect(await code).toBe(CloseCode.SUPERSEDED);
    expect(frames.values.slice(before).join()).not.toMatch(/"ack/);
  });
});
