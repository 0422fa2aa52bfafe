import { noop, type SchedulerLike } from 'rxjs';
import type { DropReason } from '../errors.js';
import { createCoalescedTimer } from './coalescedTimer.js';
import type { PriorityQueue, QueuedValue } from './priorityQueue.js';

export interface ExpiringQueueOptions<T> {
  readonly queue: PriorityQueue<T>;
  readonly maxAge: number;
  readonly scheduler: SchedulerLike;
  readonly onDrop: (value: T, reason: DropReason) => void;
  /** Called with an exception of `onDrop`. */
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
     * @default
     * now
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
    /**
     * Drops all values. An exception of `onDrop` is thrown to the caller here, because the stream
     * has ended.
     */
    close(): void {
      timer.clear();
      for (let next = queue.shiftOldest(); next; next = queue.shiftOldest()) report(next.value, 'closed');
    },
  };
}
