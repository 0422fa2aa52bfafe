import { jest } from '@jest/globals';
import { array, assert, integer, property, shuffledSubarray } from 'fast-check';
import { concat, from, lastValueFrom, NEVER, of, Subject, take, tap, throwError, toArray } from 'rxjs';
import { resequence, type ResequenceOptions, type SequenceGap } from '../../lib/operators/resequence.js';
import { operatorContract } from '../support/operatorContract.js';
import { record } from '../support/record.js';

const itself = (value: number): number => value;

/** A source by hand, and all that comes of it. */
function sequencing(options: ResequenceOptions<number> = {}) {
  const source = new Subject<number>();
  const gaps: SequenceGap[] = [];
  const dropped: number[] = [];
  const result = record(
    source.pipe(resequence(itself, { onGap: (gap) => gaps.push(gap), onDrop: (value) => dropped.push(value), ...options })),
  );
  return { source, gaps, dropped, result, feed: (...numbers: readonly number[]) => numbers.forEach((number) => source.next(number)) };
}

describe('resequence', () => {
  operatorContract(() => resequence(itself), {
    throwing: {
      sequence: (fail) => resequence(fail),
      onGap: (fail) => resequence((value) => 2 * value, { onGap: fail }),
      onDrop: (fail) => resequence(() => 1, { onDrop: fail }),
    },
  });

  beforeEach(() => void jest.useFakeTimers({ now: 0 }));
  afterEach(() => void jest.useRealTimers());

  it('waits for 1 s by default, with one timer for all, and none while nothing is held', () => {
    const { result, gaps, feed } = sequencing();
    feed(1);
    expect(jest.getTimerCount()).toBe(0);
    feed(3, 5);
    expect(jest.getTimerCount()).toBe(1);
    jest.advanceTimersByTime(999);
    expect(result.values).toEqual([1]);
    jest.advanceTimersByTime(1);
    expect(result.values).toEqual([1, 3, 5]);
    expect(gaps).toEqual([
      { first: 2, last: 2 },
      { first: 4, last: 4 },
    ]);
    expect(jest.getTimerCount()).toBe(0);
    feed(7, 6);
    expect([result.values.slice(3), jest.getTimerCount()]).toEqual([[6, 7], 0]);
  });

  it('waits for each missing number from when something waits for it', () => {
    const { result, gaps, feed } = sequencing({ maxWait: 10 });
    feed(1, 3);
    jest.advanceTimersByTime(6);
    feed(6);
    jest.advanceTimersByTime(4);
    expect([result.values, gaps]).toEqual([[1, 3], [{ first: 2, last: 2 }]]);
    jest.advanceTimersByTime(5);
    expect(result.values).toEqual([1, 3]);
    jest.advanceTimersByTime(1);
    expect([result.values, gaps[1]]).toEqual([[1, 3, 6], { first: 4, last: 5 }]);
  });

  it('holds up to 1,000 numbers ahead by default', () => {
    const { result, gaps, feed } = sequencing();
    feed(0, 1_000);
    expect(result.values).toEqual([0]);
    feed(1_001);
    expect([result.values, gaps]).toEqual([[0], [{ first: 1, last: 1 }]]);
  });

  it('goes far ahead in no time', () => {
    const { result, gaps, feed } = sequencing({ maxSize: 2 });
    feed(1, 3, Number.MAX_SAFE_INTEGER - 1);
    expect(result.values).toEqual([1, 3]);
    jest.advanceTimersByTime(1_000);
    expect(result.values).toEqual([1, 3, Number.MAX_SAFE_INTEGER - 1]);
    expect(gaps[0]).toEqual({ first: 2, last: 2 });
  });

  it('waits no longer when the clock is set back', () => {
    const { result, feed } = sequencing();
    jest.setSystemTime(60_000);
    feed(1, 3);
    jest.setSystemTime(0);
    jest.advanceTimersByTime(1_000);
    expect(result.values).toEqual([1, 3]);
  });

  it('refuses a number that cannot be counted, as an error', async () => {
    for (const number of [NaN, 1.5, Infinity, 2 ** 53, undefined as never]) {
      const { result, feed } = sequencing();
      feed(1, number);
      expect(await result.ended).toEqual(new RangeError(`resequence: "sequence" must return a safe integer, got ${number}`));
    }
  });

  it('begins below zero where the first number is there', () => {
    const { result, feed } = sequencing({ first: -2 });
    feed(0, -1, -2);
    expect(result.values).toEqual([-2, -1, 0]);
  });

  it('stops in the middle of held values when a subscriber unsubscribes', () => {
    const source = new Subject<number>();
    const { values } = record(source.pipe(resequence(itself, { first: 1 }), take(2)));
    [2, 3, 5, 1].forEach((number) => source.next(number));
    expect([values, source.observed, jest.getTimerCount()]).toEqual([[1, 2], false, 0]);

    const gone = record(concat(of(1, 5, 3), NEVER).pipe(resequence(itself), take(2)));
    jest.advanceTimersByTime(1_000);
    expect([gone.values, gone.isOver(), jest.getTimerCount()]).toEqual([[1, 3], true, 0]);
  });

  it('sets no timer when a subscriber has left at a value that another one follows', () => {
    const source = new Subject<number>();
    source.pipe(resequence(itself, { first: 1 }), take(1)).subscribe();
    [3, 1].forEach((number) => source.next(number));
    expect(jest.getTimerCount()).toBe(0);
  });

  it('keeps the order when a subscriber feeds the source', () => {
    const source = new Subject<number>();
    const seen: number[] = [];
    source.pipe(resequence(itself, { first: 1, maxSize: 5 })).subscribe((number) => {
      seen.push(number);
      if (number === 1) [3, 6, 4].forEach((added) => source.next(added));
      if (number === 3) source.next(20); // gives up 5, and all up to 15
    });
    [2, 1].forEach((number) => source.next(number));
    jest.advanceTimersByTime(1_000);
    expect(seen).toEqual([1, 2, 3, 4, 6, 20]);
  });

  it('emits held values before an error of the source, but not after an error of a callback', async () => {
    const boom = new Error('boom');
    const failing = concat(
      of(1, 3),
      throwError(() => boom),
    );
    const fine = record(failing.pipe(resequence(itself)));
    expect([fine.values, await fine.ended]).toEqual([[1, 3], boom]);
    const worse = new Error('worse');
    const onGap = (): never => {
      throw worse;
    };
    const result = record(failing.pipe(resequence(itself, { onGap })));
    expect([result.values, await result.ended]).toEqual([[1], worse]);
  });

  it('orders random input, and accounts for each number once', () => {
    const shuffled = shuffledSubarray([...Array(60).keys()], { minLength: 1 });
    assert(
      property(shuffled, array(integer({ min: 0, max: 59 }), { maxLength: 10 }), integer({ min: 1, max: 70 }), (some, again, maxSize) => {
        const { result, gaps, dropped, source } = sequencing({ first: 0, maxSize });
        from([...some, ...again])
          .pipe(tap({ complete: () => source.complete() }))
          .subscribe((number) => source.next(number));
        const given = gaps.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, index) => first + index));
        const last = result.values.at(-1) ?? -1;
        expect(result.values).toEqual([...result.values].sort((a, b) => a - b));
        expect([...result.values, ...given].sort((a, b) => a - b)).toEqual([...Array(last + 1).keys()]);
        expect(result.values.length + dropped.length).toBe(some.length + again.length);
      }),
    );
  });

  it('passes on values that are already in order', async () => {
    const numbers = [...Array(1_000).keys()];
    expect(await lastValueFrom(from(numbers).pipe(resequence(itself), toArray()))).toEqual(numbers);
  });

  it.each(['maxSize', 'maxWait'])('refuses a %s that is not positive when called', (option) => {
    expect(() => resequence(itself, { [option]: 0 })).toThrow(new RangeError(`resequence: "${option}" must be > 0, got 0`));
  });
});
