import { createRing } from '../../../lib/operators/buffers/ring.js';

describe('ring', () => {
  it('gives back in the order of coming, across wraps and growth', () => {
    const queue = createRing<number>();
    const taken: (number | undefined)[] = [];
    let next = 0;
    for (let round = 0; round < 50; round++) {
      for (let count = 0; count < 5; count++) queue.push(next++);
      for (let count = 0; count < 3; count++) taken.push(queue.shift());
    }
    expect(queue.size).toBe(100);
    while (queue.size > 0) taken.push(queue.shift());
    expect(taken).toEqual(Array.from({ length: 250 }, (_, index) => index));
  });

  it('peeks without taking', () => {
    const queue = createRing<string>();
    queue.push('a');
    queue.push('b');
    expect([queue.peek(), queue.peek(), queue.size]).toEqual(['a', 'a', 2]);
  });

  it('returns a value by its place behind the oldest one, across a wrap', () => {
    const queue = createRing<number>();
    for (let value = 0; value < 6; value++) {
      queue.push(value);
      if (value < 3) queue.shift();
    }
    expect([queue.at(0), queue.at(2), queue.at(3)]).toEqual([3, 5, undefined]);
    expect(queue.values()).toEqual([3, 4, 5]);
  });

  it('has nothing when empty', () => {
    const queue = createRing<string>();
    queue.push('a');
    queue.shift();
    expect([queue.peek(), queue.shift(), queue.size]).toEqual([undefined, undefined, 0]);
  });

  it('is not slowed down by depth', () => {
    const costOf = (depth: number): number => {
      const queue = createRing<number>();
      for (let index = 0; index < depth; index++) queue.push(index);
      const start = performance.now();
      for (let index = 0; index < 200_000; index++) queue.push(queue.shift() ?? 0);
      return performance.now() - start;
    };
    costOf(10);
    expect(costOf(100_000)).toBeLessThan(20 * costOf(10) + 50);
  });
});
