import { Observable, type SchedulerLike } from 'rxjs';
import { createCoalescedTimer } from '../../internal/coalescedTimer.js';
import { firstOf } from '../../internal/firstOf.js';

interface Waiter<T> {
  readonly key: symbol;
  readonly deadline: number;
  readonly give: (value: T) => void;
  readonly fail: (error: unknown) => void;
}

export interface WaitQueueOptions {
  /** How long a caller waits, in ms. */
  readonly timeout: number;
  readonly scheduler: SchedulerLike;
  /** Returns the error for a caller that has waited too long. */
  readonly onTimeout: () => Error;
  readonly onChange: () => void;
}

/**
 * Creates a queue of the callers that wait for a resource, first come, first served. All callers
 * wait equally long, so one timer is enough, for the first of them.
 */
export function createWaitQueue<T>({ timeout, scheduler, onTimeout, onChange }: WaitQueueOptions) {
  const waiters = new Map<symbol, Waiter<T>>();
  const first = firstOf(waiters);

  const take = (): Waiter<T> | undefined => {
    const waiter = first();
    if (waiter) leave(waiter);
    return waiter;
  };
  const leave = ({ key }: Waiter<T>): void => {
    if (waiters.delete(key)) onChange();
    if (waiters.size === 0) timer.clear();
  };
  const schedule = (): void => {
    const next = first();
    if (next) timer.set(Math.max(0, next.deadline - scheduler.now()));
  };
  const timer = createCoalescedTimer(scheduler, () => {
    const now = scheduler.now();
    for (let next = first(); next && next.deadline <= now; next = first()) take()?.fail(onTimeout());
    schedule();
  });

  return {
    size: (): number => waiters.size,
    /** Waits for a resource from when it is subscribed until it is unsubscribed. */
    enter: new Observable<T>((subscriber) => {
      const waiter: Waiter<T> = {
        key: Symbol(),
        deadline: scheduler.now() + timeout,
        give(value) {
          subscriber.next(value);
          subscriber.complete();
        },
        fail: (error) => subscriber.error(error),
      };
      waiters.set(waiter.key, waiter);
      schedule();
      onChange();
      return () => leave(waiter);
    }),
    /** Gives what the function returns, if anything, to the caller that has waited longest. */
    give(makeResource: () => T | undefined): void {
      const value = waiters.size > 0 ? makeResource() : undefined;
      if (value !== undefined) take()?.give(value);
    },
    /** Fails all callers. */
    fail(error: unknown): void {
      for (let waiter = take(); waiter; waiter = take()) waiter.fail(error);
    },
  };
}
