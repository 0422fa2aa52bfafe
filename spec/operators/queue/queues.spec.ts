import { firstValueFrom, map, timer } from 'rxjs';
import { queues, type Queues, type QueuesOptions } from '../../../lib/operators/queue/queue.js';
import type { QueueOptions } from '../../../lib/operators/queue/queueOptions.js';
import { OverflowError } from '../../../lib/message/errors.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import type { Message } from '../../../lib/message/types.js';
import { fakeQueueStore } from '../../support/fakeQueueStore.js';
import { record } from '../../support/record.js';

const message = (id: string): Message => createMessage('test.any', id, { id });

const opened: Queues[] = [];
afterEach(() => opened.splice(0).forEach(({ close }) => close()));

function registry(options?: QueuesOptions): Queues {
  const made = queues(options);
  opened.push(made);
  return made;
}

describe('queues', () => {
  it('returns the same queue for the same name, with the same options or none', () => {
    const all = registry();
    const options = { maxSize: 2, order: 'fifo' } as const;
    const orders = all.open('orders', options);
    expect(all.open('orders', { order: 'fifo', maxSize: 2 })).toBe(orders);
    expect(all.open('orders', { ...options, maxAge: undefined as never })).toBe(orders);
    expect(all.open('orders')).toBe(orders);
    expect(all.open('bills')).not.toBe(orders);
    expect(all.names()).toEqual(['orders', 'bills']);
  });

  it('shares the waiting messages among all that open it', () => {
    const all = registry();
    all.open('orders').next(message('a'));
    const { values } = record(
      all
        .open('orders')
        .take()
        .pipe(map(({ id }) => id)),
    );
    expect(values).toEqual(['a']);
  });

  it.each<[QueueOptions<Message>, QueueOptions<Message>, string]>([
    [{ maxSize: 2 }, { maxSize: 3 }, 'maxSize'],
    [{ maxSize: 2 }, {}, 'maxSize'],
    [{}, { priority: () => 1 }, 'priority'],
    [{ priority: () => 1 }, { priority: () => 1 }, 'priority'],
  ])('refuses other options for a name that is open: %j, then %j', (first, second, option) => {
    const all = registry();
    all.open('orders', first);
    expect(() => all.open('orders', second)).toThrow(new TypeError(`queues: the queue orders is open with another "${option}"`));
  });

  it('has options for all queues; those of one queue override them', () => {
    const store = fakeQueueStore();
    const all = registry({ store, maxSize: 1 });
    const [small, large] = [all.open('small'), all.open('large', { maxSize: 2 })];
    const drops = [small, large].map(({ drops$ }) => record(drops$));
    for (const one of [small, large]) for (const id of ['a', 'b']) one.next(message(id));
    expect(drops.map(({ values }) => values.length)).toEqual([1, 0]);
    expect(all.open('large', { store, maxSize: 2 })).toBe(large);
    expect(() => all.open('small', { maxSize: 2 })).toThrow(TypeError);
  });

  it('continues with the messages that an earlier process has left in the store', async () => {
    const store = fakeQueueStore();
    registry({ store }).open('orders').next(message('a'));
    await firstValueFrom(timer(5));
    expect((await firstValueFrom(registry({ store }).open('orders').take())).id).toBe('a');
  });

  it('closes all queues, and opens them anew', async () => {
    const all = registry();
    const both = ['orders', 'bills'].map((name) => all.open(name));
    const ends = both.map(({ depth$ }) => record(depth$));
    all.close();
    expect(await Promise.all(ends.map(({ ended }) => ended))).toEqual(['complete', 'complete']);
    expect(all.names()).toEqual([]);
    expect(all.open('orders', { maxSize: 5 })).not.toBe(both[0]);
  });

  it('forgets a queue that was closed by itself, or has failed', () => {
    const all = registry({ maxSize: 1, overflow: 'error' });
    const [closed, failed] = [all.open('closed'), all.open('failed')];
    closed.close();
    expect(all.names()).toEqual(['failed']);
    failed.next(message('a'));
    failed.next(message('b'));
    expect(all.names()).toEqual([]);
    const again = all.open('closed');
    expect(again).not.toBe(closed);
    closed.close();
    expect(all.open('closed')).toBe(again);
  });

  it('has no more than maxQueues queues, 1,000 by default', () => {
    const all = registry({ maxQueues: 1 });
    all.open('orders');
    expect(() => all.open('bills')).toThrow(new OverflowError('queues', 1));
    expect(all.open('orders').name).toBe('orders');
    const many = registry();
    for (let n = 0; n < 1_000; n++) many.open(String(n));
    expect(() => many.open('one more')).toThrow(OverflowError);
  });

  it('refuses invalid options when called', () => {
    expect(() => queues({ maxQueues: 0 })).toThrow(new RangeError('queues: "maxQueues" must be > 0, got 0'));
    const all = registry();
    expect(() => all.open('orders', { maxSize: 0 })).toThrow(RangeError);
    expect(all.names()).toEqual([]);
  });
});
