import {
  asyncScheduler,
  defer,
  finalize,
  ignoreElements,
  merge,
  noop,
  Subject,
  tap,
  type MonoTypeOperatorFunction,
  type SchedulerLike,
} from 'rxjs';
import { createCoalescedTimer } from '../internal/coalescedTimer.js';
import { assertPositive } from '../internal/assert.js';
import { firstOf } from '../internal/firstOf.js';

/** Numbers that did not come in time: all from `first` to `last`. */
export interface SequenceGap {
  readonly first: number;
  readonly last: number;
}

export interface ResequenceOptions<T> {
  /** The number that comes first. @default that of the first value */
  readonly first?: number;
  /** How many numbers ahead of a missing one are held; a value further ahead ends the wait for it. @default 1_000 */
  readonly maxSize?: number;
  /** How long a value waits for those before it, in ms. @default 1_000 */
  readonly maxWait?: number;
  /** Told of numbers that are given up, before what follows them is emitted. */
  readonly onGap?: (gap: SequenceGap) => void;
  /** Told of each value that is dropped: its number has come before, or was given up. */
  readonly onDrop?: (value: T) => void;
  /** The scheduler for clock and timers. @default asyncScheduler */
  readonly scheduler?: SchedulerLike;
}

/**
 * Puts values in the order of their numbers: one that comes early is held until those before it have come.
 *
 *     source        -1-3-2-5-----6--|
 *     resequence    -1---(23)--5-6--|     (maxWait: 4 ms; 4 never comes)
 *
 * A missing number is waited for `maxWait` ms at most, then given up, and reported. A number that comes twice, or too late, is dropped. When the
 * source completes or fails, what is held is emitted first. One timer serves all, and there is none while nothing is held.
 *
 * @param sequence Says the number of a value: rising by one. A throw is delivered as an error.
 * @throws {RangeError} At call time, if `maxSize` or `maxWait` is not positive. Delivered, for a number that is no safe integer.
 * @example
 * of(1, 3, 2, 4).pipe(resequence((number) => number), toArray()).subscribe((all) => console.log(all.join(' '))); // prints: 1 2 3 4
 */
export function resequence<T>(sequence: (value: T) => number, options: ResequenceOptions<T> = {}): MonoTypeOperatorFunction<T> {
  const { first = NaN, maxSize = 1_000, maxWait = 1_000, onGap = noop, onDrop = noop, scheduler = asyncScheduler } = options;
  assertPositive('resequence', { maxSize, maxWait });

  return (source) =>
    defer(() => {
      const ordered = new Subject<T>();
      const sequencer = createSequencer(ordered, first, onGap);

      const remaining = ({ since }: Held<T>): number => {
        const age = scheduler.now() - since;
        // The clock was set back: nobody should wait for it to catch up.
        return age < 0 ? 0 : maxWait - age;
      };
      const settle = (): void => {
        const oldest = sequencer.oldest();
        if (oldest) timer.set(remaining(oldest));
        else timer.clear();
      };
      const timer = createCoalescedTimer(scheduler, () => {
        try {
          sequencer.flush((held) => remaining(held) <= 0);
          settle();
        } catch (error) {
          ordered.error(error);
        }
      });
      const arrive = (value: T): void => {
        const key = sequence(value);
        if (!Number.isSafeInteger(key)) throw new RangeError(`resequence: a number must be a safe integer, got ${key}`);
        if (!sequencer.enter({ key, value, since: scheduler.now() }, maxSize)) onDrop(value);
        settle();
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

/** Emits values in the order of their numbers. State is moved on before anything is told: that may bring more values. */
function createSequencer<T>(ordered: Subject<T>, first: number, onGap: (gap: SequenceGap) => void) {
  const held = new Map<number, Held<T>>();
  const oldest = firstOf(held);
  let next = first;

  /** Emits what is there of the numbers below `end`, and all that follow; gives up the others. */
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
    /** What is held for longest; nothing, when nobody is there to get it. */
    oldest: () => (ordered.observed ? oldest() : undefined),
    /** Answers whether the number is a new one. */
    enter(one: Held<T>, maxSize: number): boolean {
      if (Number.isNaN(next)) next = one.key;
      if (one.key >= next + maxSize) reach(one.key - maxSize + 1);
      if (one.key < next || held.has(one.key)) return false;
      held.set(one.key, one);
      if (one.key === next) reach(next);
      return true;
    },
    /** Emits what is held, for as long as the oldest is to be; the numbers missing before it are given up. */
    flush(condition: (oldest: Held<T>) => boolean = () => true): void {
      for (let one = oldest(); one && ordered.observed && condition(one); one = oldest()) reach(one.key);
    },
  };
}
