import { noop, type SchedulerLike } from 'rxjs';
import { type DropReason, OverflowError } from '../../message/errors.js';
import { MessagePriority } from '../../message/messagePriority.js';
import { createCoalescedTimer } from '../timing/coalescedTimer.js';
import { createRing, type Ring } from './ring.js';

/**
 * The value to drop when a full queue gets another one: the one that has waited longest, the new
 * one, or the oldest of the lowest priority (possibly the new one). With `error`, the stream ends
 * with an `OverflowError`.
 */
export type OverflowPolicy = 'drop-oldest' | 'drop-newest' | 'drop-lowest' | 'error';

export interface QueuedValue<T> {
  readonly value: T;
  readonly since: number;
  readonly arrival: number;
}

export type PriorityQueue<T> = ReturnType<typeof createPriorityQueue<T>>;

/**
 * Creates a bounded queue: higher priorities first, in order of arrival within a priority. All
 * operations are O(1) at any depth.
 *
 * @param owner The name of the queue, for errors.
 */
export function createPriorityQueue<T>(owner: string, maxSize: number, overflow: OverflowPolicy) {
  // One ring for each priority, the lowest first. A heap would need O(log n), and a second key to
  // keep the order of arrival.
  const lanes = Object.values(MessagePriority).map(() => createRing<QueuedValue<T>>());
  let size = 0;
  let arrivals = 0;

  const pick = (better: (candidate: Ring<QueuedValue<T>>, best: Ring<QueuedValue<T>>) => boolean): Ring<QueuedValue<T>> | undefined => {
    let best: Ring<QueuedValue<T>> | undefined;
    for (const lane of lanes) if (lane.size > 0 && (!best || better(lane, best))) best = lane;
    return best;
  };
  const lowest = () => pick(() => false);
  const highest = () => pick(() => true);
  const oldest = () => pick((lane, best) => arrivalOf(lane) < arrivalOf(best));

  const take = (lane: Ring<QueuedValue<T>> | undefined): QueuedValue<T> | undefined => {
    if (lane) size--;
    return lane?.shift();
  };

  return {
    get size(): number {
      return size;
    },
    /**
     * Adds a value, and returns the dropped one (possibly the same), if any.
     *
     * @param priority The nearest {@link MessagePriority} applies; NORMAL if it is not a number.
     * @throws {OverflowError} If the queue is full and the policy is `error`.
     */
    push(value: T, priority: number | undefined, since: number): QueuedValue<T> | undefined {
      const newcomer = { value, since, arrival: arrivals++ };
      if (size >= maxSize && overflow === 'error') throw new OverflowError(owner, maxSize);
      if (size >= maxSize && overflow === 'drop-newest') return newcomer;
      lanes[rank(priority)]?.push(newcomer);
      if (++size <= maxSize) return undefined;
      return take(overflow === 'drop-lowest' ? lowest() : oldest());
    },
    shift: () => take(highest()),
    /** Returns the value that has waited longest, whatever its priority. */
    peekOldest: () => oldest()?.peek(),
    shiftOldest: () => take(oldest()),
  };
}

function arrivalOf(lane: Ring<QueuedValue<unknown>>): number {
  return lane.peek()?.arrival ?? Infinity;
}

function rank(priority: number | undefined): number {
  const nearest = Math.min(MessagePriority.CRITICAL, Math.max(MessagePriority.LOW, Math.round(priority ?? NaN)));
  return Number.isNaN(nearest) ? MessagePriority.NORMAL : nearest;
}

interface ExpiringQueueOptions<T> {
  readonly queue: PriorityQueue<T>;
  readonly maxAge: number;
  readonly scheduler: SchedulerLike;
  readonly onDrop: (value: T, reason: DropReason) => void;
  readonly onError: (error: unknown) => void;
}

/**
 * Creates a priority queue in which values expire after `maxAge` ms, and that reports all dropped
 * values. One timer drops expired values on time; `shift` checks too, because timers may be late.
 */
export function createExpiringQueue<T>({ queue, maxAge, scheduler, onDrop, onError }: ExpiringQueueOptions<T>) {
  let report = onDrop;
  const drop = ({ value }: QueuedValue<T>, reason: DropReason): void => {
    try {
      report(value, reason);
    } catch (error) {
      // The stream ends and drops the remaining values: a callback that throws is not called again.
      report = noop;
      onError(error);
    }
  };
  const remaining = ({ since }: QueuedValue<T>): number => since + maxAge - scheduler.now();

  const timer = createCoalescedTimer(scheduler, () => {
    let oldest = queue.peekOldest();
    for (; oldest && remaining(oldest) <= 0; oldest = queue.peekOldest()) {
      queue.shiftOldest();
      drop(oldest, 'expired');
    }
    if (oldest) timer.set(remaining(oldest));
  });

  return {
    size: (): number => queue.size,
    /**
     * @param since The time of arrival. It must not be earlier than that of previous values.
     * @default now
     */
    push(value: T, priority: number | undefined, since = scheduler.now()): void {
      const dropped = queue.push(value, priority, since);
      timer.set(since + maxAge - scheduler.now());
      if (dropped) drop(dropped, 'overflow');
    },
    /** Removes and returns the most urgent value that has not expired. */
    shift(): QueuedValue<T> | undefined {
      let next = queue.shift();
      for (; next && remaining(next) <= 0; next = queue.shift()) drop(next, 'expired');
      return next;
    },
    /** Drops all values. The stream has ended: an exception of `onDrop` is thrown here. */
    close(): void {
      timer.clear();
      for (let next = queue.shiftOldest(); next; next = queue.shiftOldest()) report(next.value, 'closed');
    },
  };
}
