import { assert, constantFrom, array, double, integer, oneof, property, constant } from 'fast-check';
import { OverflowError } from '../../../lib/message/errors.js';
import { createPriorityQueue, type OverflowPolicy, type QueuedValue } from '../../../lib/operators/buffers/priorityQueue.js';

const policies: readonly OverflowPolicy[] = ['drop-oldest', 'drop-newest', 'drop-lowest', 'error'];

/** What a priority counts as, said in another way than the queue does. */
function rank(priority = NaN): number {
  if (Number.isNaN(priority)) return 1;
  return [0.5, 1.5, 2.5].filter((step) => priority >= step).length;
}

/** The queue as an array in order of arrival: slow, but plain to see. */
function createModel(maxSize: number, overflow: OverflowPolicy) {
  const waiting: { value: number; rank: number }[] = [];
  const take = (better: (candidate: number, best: number) => boolean): number | undefined => {
    let found = 0;
    waiting.forEach((entry, index) => (found = better(entry.rank, waiting[found]!.rank) ? index : found));
    return waiting.splice(found, 1)[0]?.value;
  };
  return {
    size: () => waiting.length,
    push(value: number, priority: number | undefined): number | 'full' | undefined {
      const isFull = waiting.length >= maxSize;
      if (isFull && overflow === 'error') return 'full';
      if (isFull && overflow === 'drop-newest') return value;
      waiting.push({ value, rank: rank(priority) });
      if (!isFull) return undefined;
      return overflow === 'drop-lowest' ? take((candidate, best) => candidate < best) : waiting.shift()?.value;
    },
    shift: () => take((candidate, best) => candidate > best),
    peekOldest: () => waiting[0]?.value,
    shiftOldest: () => waiting.shift()?.value,
  };
}

describe('priorityQueue', () => {
  it.each(policies)('behaves as a plain array (%s)', (overflow) => {
    const priority = oneof(integer({ min: 0, max: 3 }), double(), constant(undefined));
    const step = oneof(
      priority.map((value) => ({ push: value })),
      constantFrom('shift' as const, 'shiftOldest' as const),
    );

    assert(
      property(integer({ min: 1, max: 40 }), array(step, { maxLength: 300, size: 'max' }), (maxSize, steps) => {
        const queue = createPriorityQueue<number>('test', maxSize, overflow);
        const model = createModel(maxSize, overflow);
        const did = steps.map((step, index) => [
          typeof step === 'string' ? queue[step]()?.value : attempt(() => queue.push(index, step.push, 0)),
          queue.size,
          queue.peekOldest()?.value,
        ]);
        const should = steps.map((step, index) => [
          typeof step === 'string' ? model[step]() : model.push(index, step.push),
          model.size(),
          model.peekOldest(),
        ]);
        expect(did).toEqual(should);
      }),
    );
  });

  it.each([
    [-1, 0],
    [-Infinity, 0],
    [0.4, 0],
    [0.5, 1],
    [7, 3],
    [Infinity, 3],
    [NaN, 1],
    [undefined, 1],
  ])('counts the priority %p as %p', (priority, counted) => {
    const queue = createPriorityQueue<string>('test', 10, 'error');
    queue.push('above', counted + 1, 0);
    queue.push('given', priority, 0);
    queue.push('equal', counted, 0);
    queue.push('below', counted - 1, 0);
    const order = [queue.shift(), queue.shift(), queue.shift(), queue.shift()].map((waiting) => waiting?.value);
    expect(order.indexOf('given')).toBe(order.indexOf('equal') - 1);
  });

  it('says whose queue is full, and at how many', () => {
    const queue = createPriorityQueue<string>('outbox', 1, 'error');
    queue.push('a', 1, 0);
    expect(() => queue.push('b', 1, 0)).toThrow(new OverflowError('outbox', 1));
    expect(queue.size).toBe(1);
  });

  it('keeps when a value came, and values that are undefined', () => {
    const queue = createPriorityQueue<undefined>('test', 1, 'drop-oldest');
    queue.push(undefined, 1, 17);
    expect(queue.push(undefined, 1, 18)).toMatchObject({ value: undefined, since: 17 });
    expect(queue.shift()).toMatchObject({ value: undefined, since: 18 });
    expect(queue.shift()).toBeUndefined();
  });
});

function attempt(push: () => QueuedValue<number> | undefined): number | 'full' | undefined {
  try {
    return push()?.value;
  } catch {
    return 'full';
  }
}
