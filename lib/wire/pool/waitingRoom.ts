import { Observable, type SchedulerLike } from 'rxjs';
import { createCoalescedTimer } from '../../internal/coalescedTimer.js';
import { firstOf } from '../../internal/firstOf.js';

/** Who waits for something, in the order of coming. */
export interface WaitingRoom<T> {
  readonly size: () => number;
  /** Waits for its turn; leaves when it is unsubscribed. */
  readonly enter: Observable<T>;
  /** Gives to who waits longest what is made for it, if it can be made. */
  give(make: () => T | undefined): void;
  /** Sends all away. */
  fail(error: unknown): void;
}

interface Waiter<T> {
  readonly key: symbol;
  readonly deadline: number;
  readonly give: (value: T) => void;
  readonly fail: (error: unknown) => void;
}

export interface WaitingRoomOptions {
  /** In ms. */
  readonly timeout: number;
  readonly scheduler: SchedulerLike;
  readonly onTimeout: () => Error;
  readonly onChange: () => void;
}

/** All wait equally long: one timer is enough, for the first of them. */
export function createWaitingRoom<T>({ timeout, scheduler, onTimeout, onChange }: WaitingRoomOptions): WaitingRoom<T> {
  const waiters = new Map<symbol, Waiter<T>>();
  const first = firstOf(waiters);

  const take = (): Waiter<T> | undefined => {
    const waiter = first();
    if (waiter) leave(waiter);
    return waiter;
  };
  const leave = ({ key }: Waiter<T>): void => {
    if (waiters.delete(key)) onChange();
    if (waiters.size === 0) alarm.clear();
  };
  const wake = (): void => {
    const next = first();
    if (next) alarm.set(Math.max(0, next.deadline - scheduler.now()));
  };
  const alarm = createCoalescedTimer(scheduler, () => {
    const now = scheduler.now();
    for (let next = first(); next && next.deadline <= now; next = first()) take()?.fail(onTimeout());
    wake();
  });

  return {
    size: () => waiters.size,
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
      wake();
      onChange();
      return () => leave(waiter);
    }),
    give(make) {
      const value = waiters.size > 0 ? make() : undefined;
      if (value !== undefined) take()?.give(value);
    },
    fail(error) {
      for (let waiter = take(); waiter; waiter = take()) waiter.fail(error);
    },
  };
}
