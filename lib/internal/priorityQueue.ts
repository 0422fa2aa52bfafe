import { OverflowError } from '../errors.js';
import { MessagePriority } from '../message/priority.js';
import { createRing, type Ring } from './ring.js';

/**
 * What gives way when one more than a queue holds would wait: what has waited longest, what comes, or the oldest of the lowest priority (which may be
 * what comes). With `error` nothing does: the stream ends with an `OverflowError`.
 */
export type OverflowPolicy = 'drop-oldest' | 'drop-newest' | 'drop-lowest' | 'error';

/** A value that waits. */
export interface Waiting<T> {
  readonly value: T;
  /** When it came, by the caller's clock. */
  readonly since: number;
  /** Its place among all that came. */
  readonly arrival: number;
}

/** A bounded queue: higher priorities first, and in order of arrival within one. All of it is O(1) at any depth. */
export interface PriorityQueue<T> {
  readonly size: number;
  /**
   * Adds a value, and returns what gave way to it (this may be the value itself), if anything.
   *
   * @param priority Counts as the nearest of {@link MessagePriority}; what is no number, as NORMAL.
   * @throws {OverflowError} When the queue is full, and the policy is `error`.
   */
  push(value: T, priority: number | undefined, since: number): Waiting<T> | undefined;
  /** Takes the first of the highest priority. */
  shift(): Waiting<T> | undefined;
  /** What waits longest, whatever its priority, without taking it. */
  peekOldest(): Waiting<T> | undefined;
  /** Takes what waits longest. */
  shiftOldest(): Waiting<T> | undefined;
}

/** @param owner Whose queue it is, for the error. */
export function createPriorityQueue<T>(owner: string, maxSize: number, overflow: OverflowPolicy): PriorityQueue<T> {
  // One ring for each priority, the lowest first: a heap would need O(log n), and a second key to keep the order within a priority.
  const lanes = Object.values(MessagePriority).map(() => createRing<Waiting<T>>());
  let size = 0;
  let arrivals = 0;

  const pick = (better: (candidate: Ring<Waiting<T>>, best: Ring<Waiting<T>>) => boolean): Ring<Waiting<T>> | undefined => {
    let best: Ring<Waiting<T>> | undefined;
    for (const lane of lanes) if (lane.size > 0 && (!best || better(lane, best))) best = lane;
    return best;
  };
  const lowest = () => pick(() => false);
  const highest = () => pick(() => true);
  const oldest = () => pick((lane, best) => arrivalOf(lane) < arrivalOf(best));

  const take = (lane: Ring<Waiting<T>> | undefined): Waiting<T> | undefined => {
    if (lane) size--;
    return lane?.shift();
  };

  return {
    get size() {
      return size;
    },
    push(value, priority, since) {
      const newcomer = { value, since, arrival: arrivals++ };
      if (size >= maxSize && overflow === 'error') throw new OverflowError(owner, maxSize);
      if (size >= maxSize && overflow === 'drop-newest') return newcomer;
      lanes[rank(priority)]?.push(newcomer);
      if (++size <= maxSize) return undefined;
      return take(overflow === 'drop-lowest' ? lowest() : oldest());
    },
    shift: () => take(highest()),
    peekOldest: () => oldest()?.peek(),
    shiftOldest: () => take(oldest()),
  };
}

function arrivalOf(lane: Ring<Waiting<unknown>>): number {
  return lane.peek()?.arrival ?? Infinity;
}

function rank(priority: number | undefined): number {
  const nearest = Math.min(MessagePriority.CRITICAL, Math.max(MessagePriority.LOW, Math.round(priority ?? NaN)));
  return Number.isNaN(nearest) ? MessagePriority.NORMAL : nearest;
}
