import { Subject, VirtualTimeScheduler } from 'rxjs';
import { createMessage } from '../../lib/message/createMessage.js';
import { openLmdbEnvironment } from '../../lib/stores/lmdb/lmdbEnvironment.js';
import { lmdbStore, type LmdbStoreOptions } from '../../lib/stores/lmdb/lmdbStore.js';
import { serve, type ServedLink } from '../../lib/server/serve.js';
import type { Wire } from '../../lib/wire/wire.js';
import { eventually } from '../support/eventually.js';
import type { Inbox } from '../../lib/stores/inbox.js';
import { batch, faultOf, ready } from '../support/outboxCases.js';
import { ownerOf } from '../support/outboxOwner.js';
import { rawEnd } from '../support/rawEnd.js';
import { record } from '../support/record.js';
import { helloFrame } from '../support/sessionFrames.js';
import { folder } from '../stores/lmdb/folder.js';
import { leaseOf, recordOf } from '../support/inboxes.js';

const MONTH = 2_592_000_000;

describe('a store that removes old records', () => {
  const open = (options: Omit<LmdbStoreOptions, 'path'>) => {
    const path = folder();
    return { path, store: lmdbStore({ path, ...options }) };
  };

  it('does not end the session of a connected idle client, for any number of new clients', async () => {
    const { store } = open({ maxOutboxes: 4, maxSenders: 4 });
    const links$ = new Subject<ServedLink>();
    const wires: Wire[] = [];
    const codes: string[] = [];
    const running = serve(links$, { inbox: store.inbox, outbox: (pid) => store.outbox(pid), detachedTimeout: 1 }).subscribe((wire) => {
      wires.push(wire);
      wire.subscribe();
      if (wires.length === 1) wire.errors$.subscribe(({ code }) => codes.push(code));
    });
    const enter = async () => {
      const [end, link] = rawEnd();
      links$.next(link);
      end.send(helloFrame());
      await end.frames.take(1);
      end.send('["ack",0,1024]');
      await end.frames.take(2);
      return end;
    };
    const client = await enter();
    for (let count = 0; count < 30; count++) (await enter()).close(1006);
    wires[0]!.next(createMessage('test.any', 'hello'));
    await eventually(() => expect(client.frames.values.join()).toContain('hello'));
    client.send('["ack",1,1024]', '["msg",1,1,{"id":"a","type":"test.any","timestamp":0,"version":"1.0","source":"","payload":null}]');
    await eventually(() => expect(client.frames.values.join()).toContain('["ack",1,'));
    expect([codes, wires[0]!.state.status]).toEqual([[], 'connected']);
    running.unsubscribe();
    store.close();
  });

  it('keeps the sender of an open session, with its progress, and forgets it after the session', async () => {
    const scheduler = new VirtualTimeScheduler();
    const { store } = open({ scheduler, maxSenders: 2 });
    const { inbox } = store;
    const cursor = { done: 7, finished: [] };
    const lease = leaseOf('ann');
    await ready(inbox.claim('ann', () => lease));
    await ready(inbox.remember(lease, { sid: 'x' }));
    await ready(inbox.commit(lease, cursor, []));
    for (let count = 0; count < 40; count++) await ready(inbox.commit(leaseOf(`stranger ${count}`), cursor, []));
    scheduler.frame = 2 * MONTH;
    await ready(inbox.commit(leaseOf('stranger'), cursor, []));
    await ready(inbox.claim('ann', () => lease));
    expect(await ready(recordOf(inbox, 'ann'))).toEqual({ cursor, session: { sid: 'x' } });
    inbox.release?.(lease);
    for (let count = 0; count < 40; count++) await ready(inbox.commit(leaseOf(`other ${count}`), cursor, []));
    expect(await ready(recordOf(inbox, 'ann'))).toBeUndefined();
    store.close();
  });

  it('is informed by its server at the end of a session', async () => {
    const used: string[] = [];
    const inbox: Inbox = {
      claim(pid, decide) {
        used.push(`claim ${pid}`);
        const claim = decide(undefined);
        return { record: undefined, lease: claim && { pid, ...claim } };
      },
      release: (lease) => void used.push(`release ${lease.pid}`),
      commit: () => undefined,
      remember: () => undefined,
    };
    const links$ = new Subject<ServedLink>();
    const wires = record(serve(links$, { inbox }));
    const pid = 'p'.repeat(22);
    const [end, link] = rawEnd();
    links$.next(link);
    end.send(helloFrame({ pid }));
    await end.frames.take(1);
    end.send('["ack",0,1024]');
    const [wire] = await wires.take(1);
    expect(used).toEqual([`claim ${pid}`]);
    wire!.unsubscribe();
    expect(used).toEqual([`claim ${pid}`, `release ${pid}`]);
    wires.subscription.unsubscribe();
  });
});

describe('an outbox whose head is missing', () => {
  it('has no newer owner: the owner stores it again, and receives evicted', async () => {
    const path = folder();
    const store = lmdbStore({ path });
    const outbox = ownerOf(store.outbox('ann'));
    const faults: string[] = [];
    outbox.faults$?.subscribe(({ fault }) => faults.push(fault));
    const { pid, epoch } = await ready(outbox.open());
    await ready(outbox.add([batch(1), batch(2)]));
    const { databases, write, release } = openLmdbEnvironment(path);
    await ready(write(() => databases.logs.removeSync('outbox ann')));
    await ready(outbox.set({ mark: 1 }));
    expect(faults).toEqual(['evicted']);
    // The sender stores its batches again when it is told so.
    await ready(outbox.replace({ acked: 0, mark: 1 }, [batch(1), batch(2)]));
    const next = store.outbox('ann');
    expect(await ready(next.open())).toMatchObject({ pid, epoch: epoch + 1, last: 2, mark: 1, batches: [batch(1), batch(2)] });
    // And there is a newer owner now.
    expect(await faultOf(() => outbox.add([batch(3)]))).toBe('fenced');
    for (const one of [outbox, next, store]) one.close();
    release();
  });

  it('has one when it was made anew meanwhile', async () => {
    const path = folder();
    const store = lmdbStore({ path });
    const [mine, other] = [ownerOf(store.outbox('ann')), store.outbox('ann')];
    await ready(mine.open());
    const { databases, write, release } = openLmdbEnvironment(path);
    await ready(write(() => databases.logs.removeSync('outbox ann')));
    await ready(other.open());
    expect(await faultOf(() => mine.add([batch(1)]))).toBe('fenced');
    for (const one of [mine, other, store]) one.close();
    release();
  });
});
