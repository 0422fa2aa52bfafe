import { firstValueFrom, map, NEVER, of, Subject, take, toArray, VirtualTimeScheduler } from 'rxjs';
import { queue } from '../../lib/operators/queue/queue.js';
import { createMessage } from '../../lib/message/createMessage.js';
import { MessagePriority } from '../../lib/message/messagePriority.js';
import type { Message } from '../../lib/message/types.js';
import { lmdbStore } from '../../lib/stores/lmdb/lmdbStore.js';
import { batchByKey } from '../../lib/operators/batchByKey.js';
import { folder } from '../stores/lmdb/folder.js';
import { record } from '../support/record.js';
import { socketPair } from '../support/socketPair.js';

const { LOW, HIGH, CRITICAL } = MessagePriority;
const message = (id: string, priority?: MessagePriority): Message =>
  createMessage('order.placed', id, { id, ...(priority !== undefined && { priority }) });

describe('R5 queues and batches', () => {
  const cleanups: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  async function opened(into: { readonly next: (message: Message) => void }) {
    const both = await socketPair((served) => void served.subscribe({ next: into.next }));
    cleanups.push(both.close);
    return both.wire;
  }

  it('named queues: maxSize 1,000; a full queue drops the oldest message and reports it', async () => {
    const orders = queue('orders');
    cleanups.push(orders.close);
    const drops = record(orders.drops$.pipe(map((drop) => `${drop.message.id} ${drop.reason}`)));
    const depth = record(orders.depth$);
    const wire = await opened(orders);
    const receipts = Array.from({ length: 1_002 }, (_, n) => wire.send(message(`${n}`)));
    await expect(receipts[1]).rejects.toMatchObject({ code: 'ERR_REFUSED', remoteCode: 'ERR_DROPPED' });
    expect([await drops.take(2), depth.values.at(-1)]).toEqual([['0 overflow', '1 overflow'], 1_000]);
    const processed = record(orders.process(({ id }) => of(id)));
    await Promise.allSettled(receipts);
    expect(processed.values.map((end) => end.status === 'done' && end.result)).toEqual(Array.from({ length: 1_000 }, (_, n) => `${n + 2}`));
    expect(drops.values).toHaveLength(2);
  });

  it('queues: maxAge 60 s', () => {
    const scheduler = new VirtualTimeScheduler();
    const orders = queue('orders', { scheduler });
    const ends: unknown[] = [];
    orders.drops$.subscribe(({ message: { id }, reason }) => ends.push([id, reason, scheduler.now()]));
    scheduler.schedule(() => orders.next(createMessage('order.placed', null, { id: 'a', timestamp: 0 })), 5);
    scheduler.flush();
    expect(ends).toEqual([['a', 'expired', 60_005]]);
  });

  it('queues: priority order', async () => {
    const orders = queue('orders');
    cleanups.push(orders.close);
    const wire = await opened(orders);
    const waiting = record(orders.depth$);
    const sent: Promise<unknown>[] = [];
    for (const priority of [LOW, undefined, CRITICAL, HIGH, undefined]) {
      sent.push(wire.send(message(`${sent.length}`, priority)));
      // One by one: what waits at the sender goes in the order of priorities, too.
      await waiting.take(sent.length + 1);
    }
    const order = record(orders.process(({ id }) => of(id)).pipe(map((end) => end.message.id)));
    await Promise.all(sent);
    expect(order.values).toEqual(['2', '3', '1', '4', '0']);
  });

  it('queues: persistence', async () => {
    const path = folder();
    const before = lmdbStore({ path });
    const orders = queue('orders', { store: before });
    const wire = await opened(orders);
    const processor = record(orders.process(({ id }) => (id === 'b' ? NEVER : undefined)));
    const sent = ['a', 'b', 'c'].map((id) => wire.send(message(id)));
    await processor.take(1);
    // Acked, as they are stored: also what nobody has begun with.
    expect((await Promise.all(sent)).map(({ status }) => status)).toEqual(['acked', 'acked', 'acked']);
    processor.subscription.unsubscribe();
    orders.close();
    before.close();

    const after = lmdbStore({ path });
    const again = queue('orders', { store: after });
    const done = await firstValueFrom(again.process(() => undefined).pipe(take(2), toArray()));
    expect(done.map((end) => end.message.payload)).toEqual(['b', 'c']);
    again.close();
    after.close();
  });

  it('queues: processors driven by events (never by polling)', () => {
    const scheduler = new VirtualTimeScheduler();
    const orders = queue('orders', { scheduler });
    const started: string[] = [];
    const work = new Map<string, Subject<void>>();
    orders
      .process(({ id }) => {
        started.push(id);
        work.set(id, new Subject());
        return work.get(id)!;
      })
      .subscribe();
    ['a', 'b'].forEach((id) => orders.next(message(id)));
    expect(started).toEqual(['a']);
    work.get('a')!.complete();
    expect(started).toEqual(['a', 'b']);
    work.get('b')!.complete();
    orders.next(message('c'));
    expect(started).toEqual(['a', 'b', 'c']);
    // No time has passed; what waits for it is maxAge, with one timer.
    expect([scheduler.now(), scheduler.actions.length]).toEqual([0, 1]);
  });

  it('batching by key (maxSize 100, maxWait 1,000 ms)', () => {
    const scheduler = new VirtualTimeScheduler();
    const source$ = new Subject<string>();
    const batches: unknown[] = [];
    source$
      .pipe(batchByKey((text) => text[0], { scheduler }))
      .subscribe(({ key, items }) => batches.push([scheduler.now(), key, items.length]));
    const send = (key: string, count: number) => (): void =>
      Array.from({ length: count }, (_, n) => `${key}${n}`).forEach((text) => source$.next(text));
    scheduler.schedule(send('a', 101), 10);
    scheduler.schedule(send('b', 3), 500);
    scheduler.flush();
    expect(batches).toEqual([
      [10, 'a', 100],
      [1_010, 'a', 1],
      [1_500, 'b', 3],
    ]);
  });
});
