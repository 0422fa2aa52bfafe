import { noop, type SchedulerLike } from 'rxjs';
import type { DropReason } from '../errors.js';
import { createAlarm } from './alarm.js';
import type { PriorityQueue, Waiting } from './priorityQueue.js';

export interface WaitingRoomOptions<T> {
  readonly queue: PriorityQueue<T>;
  readonly maxAge: number;
  readonly scheduler: SchedulerLike;
  readonly onDrop: (value: T, reason: DropReason) => void;
  /** Gets what `onDrop` threw. */
  readonly onError: (error: unknown) => void;
}

/** A priority queue in which a value waits for `maxAge` ms at most, and that tells of all it drops. */
export interface WaitingRoom<T> {
  readonly size: () => number;
  /** @param since When its wait has begun: none that enters later may have waited for longer. @default now */
  enter(value: T, priority: number | undefined, since?: number): void;
  /** Takes the most urgent that has not waited too long. */
  leave(): Waiting<T> | undefined;
  /** Drops all. Here a throw of `onDrop` is the caller's: nobody listens any more. */
  close(): void;
}

/** One timer drops what has waited too long on time; {@link WaitingRoom.leave} looks as well, as timers may be late. */
export function createWaitingRoom<T>({ queue, maxAge, scheduler, onDrop, onError }: WaitingRoomOptions<T>): WaitingRoom<T> {
  let report = onDrop;
  const drop = ({ value }: Waiting<T>, reason: DropReason): void => {
    try {
      report(value, reason);
    } catch (error) {
      // The stream ends, which drops what else waits: a callback that throws is not asked again.
      report = noop;
      onError(error);
    }
  };
  const remaining = ({ since }: Waiting<T>): number => since + maxAge - scheduler.now();

  const alarm = createAlarm(scheduler, () => {
    let oldest = queue.peekOldest();
    for (; oldest && remaining(oldest) <= 0; oldest = queue.peekOldest()) {
      queue.shiftOldest();
      drop(oldest, 'expired');
    }
    if (oldest) alarm.set(remaining(oldest));
  });

  return {
    size: () => queue.size,
    enter(value, priority, since = scheduler.now()) {
      const dropped = queue.push(value, priority, since);
      alarm.set(since + maxAge - scheduler.now());
      if (dropped) drop(dropped, 'overflow');
    },
    leave() {
      let next = queue.shift();
      for (; next && remaining(next) <= 0; next = queue.shift()) drop(next, 'expired');
      return next;
    },
    close() {
      alarm.clear();
      for (let next = queue.shiftOldest(); next; next = queue.shiftOldest()) report(next.value, 'closed');
    },
  };
}
