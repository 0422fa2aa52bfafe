import { filter, mergeMap, NEVER, noop, Subject, take } from 'rxjs';
import { asObservable } from '../../lib/message/maybeAsync.js';
import { webSocket } from '../../lib/io/webSocket.js';
import { createMessage } from '../../lib/message/createMessage.js';
import type { Inbox } from '../../lib/stores/inbox.js';
import { lmdbOutbox } from '../../lib/stores/lmdb/lmdbOutbox.js';
import { memoryOutbox } from '../../lib/stores/memoryOutbox.js';
import type { OutboxStore } from '../../lib/stores/outboxStore.js';
import { connect } from '../../lib/wire/connect.js';
import type { Wire } from '../../lib/wire/wire.js';
import { folder } from '../stores/lmdb/folder.js';
import { eventually } from '../support/eventually.js';
import { fakeInbox, type Write } from '../support/fakeInbox.js';
import { status } from '../support/proxiedPair.js';
import { record } from '../support/record.js';
import { tcpProxy } from '../support/tcpProxy.js';
import { wireServer } from '../support/wireServer.js';
import { fieldsOf, helloFrame, secret } from '../support/sessionFrames.js';
import { startVirtual } from '../server/virtual.js';

const job = (id: string) => createMessage('test.job', id, { id, delivery: 'exactly-once' });

/** A server, and the messages that it gets. */
async function echo(inbox: Inbox<Write> | undefined) {
  const received: string[] = [];
  const server = await wireServer((wire) => wire.subscribe(({ id }) => received.push(id)), inbox ? { inbox } : {});
  return { server, received };
}

/** An inbox that stores each record at the next value of `isStored$`. */
const storingWhen = (inbox: Inbox<Write>, isStored$: Subject<undefined>, onWaiting: () => void = noop): Inbox<Write> => ({
  ...inbox,
  remember(lease, session) {
    onWaiting();
    return isStored$.pipe(
      take(1),
      mergeMap(() => asObservable(() => inbox.remember(lease, session))),
    );
  },
});

const clientOf = ({ port }: { readonly port: number }, outbox: OutboxStore = memoryOutbox()): Wire =>
  connect({ outbox, link: webSocket(`ws://127.0.0.1:${port}/wire`), reconnect: { initialInterval: 5, maxInterval: 5, jitter: 0 } });

describe('A new client whose server stores its record', () => {
  it('loses nothing, and has nothing in doubt, when it reaches another server before the record is stored', async () => {
    const shared = fakeInbox();
    // The first server never gets to the disk.
    const a = await echo({ ...shared, remember: () => NEVER });
    const b = await echo(shared);
    const proxy = await tcpProxy(a.server.port);
    const client = clientOf(proxy);
    const [receipts, errors] = [
      record(client.receipts$),
      record(client.errors$.pipe(filter(({ code }) => code !== 'ERR_CONNECTION_LOST'))),
    ];
    const messages = record(client);
    client.next(job('m1'));
    await status(client, 'connected');
    proxy.aim(b.server.port);
    proxy.cut();
    await eventually(() => expect(receipts.values.at(-1)).toMatchObject({ id: 'm1', status: 'acked' }));
    expect([a.received, b.received, errors.values, messages.isOver()]).toEqual([[], ['m1'], [], false]);
    expect(receipts.values.map(({ status: step }) => step)).toEqual(['queued', 'sent', 'acked']);
    client.unsubscribe();
    await proxy.close();
    await a.server.close();
    await b.server.close();
  });

  it('returns to the server that has stored it, though another has welcomed it since', async () => {
    const shared = fakeInbox();
    const isStored$ = new Subject<undefined>();
    const a = await echo(storingWhen(shared, isStored$));
    // The second server never gets to the disk.
    const b = await echo({ ...shared, remember: () => NEVER });
    const proxy = await tcpProxy(a.server.port);
    const client = clientOf(proxy);
    const messages = record(client);
    await status(client, 'connected');
    proxy.aim(b.server.port);
    proxy.cut();
    await status(client, 'reconnecting');
    await status(client, 'connected');
    isStored$.next(undefined);
    proxy.aim(a.server.port);
    proxy.cut();
    await status(client, 'reconnecting');
    const sent = client.send(job('m1'));
    const storing = setInterval(() => isStored$.next(undefined), 5);
    expect((await sent).status).toBe('acked');
    clearInterval(storing);
    expect([a.received, b.received, messages.isOver()]).toEqual([['m1'], [], false]);
    client.unsubscribe();
    await proxy.close();
    await a.server.close();
    await b.server.close();
  });

  it('returns to the server that has stored it, though another has welcomed it since, and the client has ended meanwhile', async () => {
    const shared = fakeInbox();
    const isStored$ = new Subject<undefined>();
    const a = await echo(storingWhen(shared, isStored$));
    // The second server never gets to the disk.
    const b = await echo({ ...shared, remember: () => NEVER });
    const proxy = await tcpProxy(a.server.port);
    const path = folder();
    const client = clientOf(proxy, lmdbOutbox({ path }));
    record(client);
    await status(client, 'connected');
    proxy.aim(b.server.port);
    proxy.cut();
    await status(client, 'reconnecting');
    await status(client, 'connected');
    client.unsubscribe();
    isStored$.next(undefined);
    proxy.aim(a.server.port);
    const next = clientOf(proxy, lmdbOutbox({ path }));
    const messages = record(next);
    const sent = next.send(job('m1'));
    const storing = setInterval(() => isStored$.next(undefined), 5);
    expect((await sent).status).toBe('acked');
    clearInterval(storing);
    expect([a.received, b.received, messages.isOver()]).toEqual([['m1'], [], false]);
    next.unsubscribe();
    await proxy.close();
    await a.server.close();
    await b.server.close();
  });

  it('stays at the server that it has returned to, when another that it has left stores its record later', async () => {
    const shared = fakeInbox();
    const stores = [new Subject<undefined>(), new Subject<undefined>()] as const;
    let waiting = 0;
    const onWaiting = (): void => {
      waiting++;
    };
    let claims = 0;
    const first = storingWhen(shared, stores[0], onWaiting);
    const a = await echo({ ...first, claim: (...claim) => (claims++, first.claim(...claim)) });
    const b = await echo(storingWhen(shared, stores[1], onWaiting));
    const proxy = await tcpProxy(a.server.port);
    const client = clientOf(proxy);
    const messages = record(client);
    await eventually(() => expect(waiting).toBe(1));
    proxy.aim(b.server.port);
    proxy.cut();
    await eventually(() => expect(waiting).toBe(2));
    proxy.aim(a.server.port);
    proxy.cut();
    await eventually(() => expect(claims).toBeGreaterThan(1));
    // The first server stores its record for the third hello, the second one for the second.
    const storing = setInterval(() => stores[0].next(undefined), 5);
    expect((await client.send(job('m1'))).status).toBe('acked');
    stores[1].next(undefined);
    expect((await client.send(job('m2'))).status).toBe('acked');
    clearInterval(storing);
    expect([a.received, b.received, messages.isOver()]).toEqual([['m1', 'm2'], [], false]);
    client.unsubscribe();
    await proxy.close();
    await a.server.close();
    await b.server.close();
  });

  it('sends its messages when the record is stored', async () => {
    const shared = fakeInbox();
    const isStored$ = new Subject<undefined>();
    const { server, received } = await echo({ ...shared, remember: () => isStored$.pipe(take(1)) });
    const client = clientOf(server);
    client.subscribe();
    client.next(job('m1'));
    const statuses = record(client.state$);
    await eventually(() => expect(statuses.values.at(-1)?.status).toBe('connected'));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(received).toEqual([]);
    isStored$.next(undefined);
    await eventually(() => expect(received).toEqual(['m1']));
    client.unsubscribe();
    await server.close();
  });

  it.each(['is still open', 'has ended'])(
    'may return to a server that has answered an older hello late, over a connection that %s, when it is forgotten there: no server has stored it',
    async (state) => {
      const inbox = fakeInbox();
      const options = { inbox, detachedTimeout: 60_000, handshakeTimeout: 10_000 };
      const [a, b] = [startVirtual(options), startVirtual(options)];
      const pid = secret();
      const ticketIn = (welcome: unknown) => {
        const { sid, rt } = fieldsOf(welcome) as { readonly sid: string; readonly rt: string };
        return { sid, rt, rx: 0 };
      };
      const first = a.dial(helloFrame({ pid }));
      const ofA = ticketIn((await first.frames.take(1))[0]);
      first.close(1006);
      await first.code;
      const other = b.dial(helloFrame({ pid, n: 3, ...ofA }));
      const ofB = ticketIn((await other.frames.take(1))[0]);
      other.close(1006);
      await other.code;
      const late = a.dial(helloFrame({ pid, n: 2, ...ofA }));
      expect(fieldsOf((await late.frames.take(1))[0])).toMatchObject({ known: true, resumed: true });
      if (state === 'has ended') {
        late.close(1006);
        await late.code;
      }
      // A stranger would say the same.
      for (const n of [4, 5, 6]) {
        expect(await a.dial(helloFrame({ pid, n, ...ofB })).code).toBe(1013);
        await a.pass(10_000);
      }
      await a.pass(50_000);
      const again = a.dial(helloFrame({ pid, n: 7, ...ofB }));
      const [welcome] = (await Promise.race([again.frames.take(1), again.code])) as [unknown];
      expect(fieldsOf(welcome)).toMatchObject({ n: 7, known: false, resumed: false, rx: 0 });
      again.send('["ack",0,1024]');
      await again.frames.take(2);
      expect(a.wires).toHaveLength(1);
      a.stop();
      b.stop();
    },
  );
});
