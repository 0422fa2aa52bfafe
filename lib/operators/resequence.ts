import { defer, finalize, ignoreElements, merge, noop, Subject, tap, type MonoTypeOperatorFunction, type SchedulerLike } from 'rxjs';
import { assertPositive, checkOptions } from '../message/development.js';
import { createCoalescedTimer } from './timing/coalescedTimer.js';
import { firstOf } from './subscribing/firstOf.js';
import { steadyScheduler } from '../message/steadyScheduler.js';

/** Numbers that did not arrive in time: all from `first` to `last`. */
export interface SequenceGap {
  readonly first: number;
  readonly last: number;
}

export interface ResequenceOptions<T> {
  /** The first number of the sequence. @default the number of the first value */
  readonly first?: number;
  /**
   * How far ahead of a missing number a value may wait; a value further ahead ends the wait.
   * @default 1_000
   */
  readonly maxSize?: number;
  /** How long a value waits for missing numbers before it, in ms. @default 1_000 */
  readonly maxWait?: number;
  /** Called with missing numbers that are given up, before the values behind them are emitted. */
  readonly onGap?: (gap: SequenceGap) => void;
  /** Called with each value that is dropped: its number was emitted before, or given up. */
  readonly onDrop?: (value: T) => void;
  /** The scheduler for clock and timers. @default asyncScheduler, with a monotonic clock */
  readonly scheduler?: SchedulerLike;
}

/**
 * Emits values in the order of their numbers: a value that arrives early is held.
 *
 *     source        -1-3-2-5-----6--|
 *     resequence    -1---(23)--5-6--|     (maxWait: 4 ms; 4 never arrives)
 *
 * The operator gives a missing number up after `maxWait` ms, and reports it. It drops values whose
 * number was emitted before or given up. When the source completes or fails, the held values are
 * emitted first. One timer serves all values, and there is none while no value is held.
 *
 * @param sequence Returns the number of a value; numbers rise by one. Errors are delivered.
 * @throws {RangeError} At call time, if `maxSize` or `maxWait` is not positive. Delivered, for a
 *   number that is no safe integer.
 * @example
 * import { of, toArray } from 'rxjs';
 * import { resequence } from 'rxwire';
 *
 * of(1, 3, 2, 4)
 *   .pipe(
 *     resequence((number) => number),
 *     toArray(),
 *   )
 *   .subscribe((all) => console.log(all.join(' '))); // prints: 1 2 3 4
 */
export function resequence<T>(sequence: (value: T) => number, options: ResequenceOptions<T> = {}): MonoTypeOperatorFunction<T> {
  checkOptions('resequence', options);
  const { first = NaN, maxSize = 1_000, maxWait = 1_000, onGap = noop, onDrop = noop, scheduler = steadyScheduler() } = options;
  assertPositive('resequence', { maxSize, maxWait });

  return (source) =>
    defer(() => {
      const ordered = new Subject<T>();
      const sequencer = createSequencer(ordered, first, onGap);

      const remaining = ({ since }: Held<T>): number => {
        const age = scheduler.now() - since;
        // The clock was set back: values must not wait until it has caught up.
        return age < 0 ? 0 : maxWait - age;
      };
      const setTimer = (): void => {
        const oldest = sequencer.oldest();
        if (oldest) timer.set(remaining(oldest));
        else timer.clear();
      };
      const timer = createCoalescedTimer(scheduler, () => {
        try {
          sequencer.flush((held) => remaining(held) <= 0);
          setTimer();
        } catch (error) {
          ordered.error(error);
        }
      });
      const arrive = (value: T): void => {
        const key = sequence(value);
        if (!Number.isSafeInteger(key)) throw new RangeError(`resequence: "sequence" must return a safe integer, got ${key}`);
        if (!sequencer.enter({ key, value, since: scheduler.now() }, maxSize)) onDrop(value);
        setTimer();
      };
      const finish = (): void => {
        sequencer.flush();
        ordered.complete();
      };
      const arrivals = source.pipe(tap({ next: arrive, error: () => sequencer.flush(), complete: finish }), ignoreElements());
      return merge(ordered, arrivals).pipe(finalize(() => timer.clear()));
    });
}

interface Held<T> {
  readonly key: number;
  readonly value: T;
  readonly since: number;
}

/** Emits values in order. The state changes before each callback, which may add values. */
function createSequencer<T>(ordered: Subject<T>, first: number, onGap: (gap: SequenceGap) => void) {
  const held = new Map<number, Held<T>>();
  const oldest = firstOf(held);
  let next = first;

  /** Emits the held values below `end`, and those that follow; gives missing numbers up. */
  const reach = (end: number): void => {
    for (let from = next; ordered.observed; from = next) {
      while (next < end && !held.has(next)) next = held.size > 0 ? next + 1 : end;
      if (from < next) onGap({ first: from, last: next - 1 });
      const one = held.get(next);
      if (!one) break;
      held.delete(next++);
      ordered.next(one.value);
    }
  };

  return {
    /** Returns the value that was held for longest; `undefined` when there is no subscriber. */
    oldest: () => (ordered.observed ? oldest() : undefined),
    enter(one: Held<T>, maxSize: number): boolean {
      if (Number.isNaN(next)) next = one.key;
      if (one.key >= next + maxSize) reach(one.key - maxSize + 1);
      if (one.key < next || held.has(one.key)) return false;
      held.set(one.key, one);
      if (one.key === next) reach(next);
      return true;
    },
    /** Emits held values while the oldest one is due; gives the numbers before it up. */
    flush(condition: (oldest: Held<T>) => boolean = () => true): void {
      for (let one = oldest(); one && ordered.observed && condition(one); one = oldest()) reach(one.key);
    },
  };
}
