import type { SchedulerLike } from 'rxjs';
import { AckTimeoutError } from '../errors.js';
import type { Receipt } from '../message/receipt.js';

interface Waiter<T> {
  readonly message: T;
  readonly since: number;
  attempts: number;
  timeouts: number;
  deadline: number;
}

interface InFlightOptions<T> {
  readonly timeout: number;
  readonly retries: number;
  readonly backoffDelay: (attempt: number, timeout: number) => number;
  readonly scheduler: SchedulerLike;
  readonly send: (message: T) => void;
  readonly acked: (receipt: Receipt) => void;
  readonly dead: (message: T, error: Error) => void;
  /** Asks to be inspected at this time; `Infinity` takes it back. */
  readonly wake: (at: number) => void;
}

/** The messages that wait for their acks: one Map from id to waiter, and one time to wake at. */
export function inFlight<T extends { readonly id: string }>(options: InFlightOptions<T>) {
  const { timeout, retries, backoffDelay, scheduler, send, acked, dead, wake } = options;
  const waiters = new Map<unknown, Waiter<T>>();
  let online = false;
  let wakeAt = Infinity;

  const attempt = (waiter: Waiter<T>): void => {
    waiter.attempts++;
    waiter.deadline = scheduler.now() + backoffDelay(waiter.timeouts, timeout);
    if (waiter.deadline < wakeAt) wake((wakeAt = waiter.deadline));
    send(waiter.message);
  };

  return {
    size: (): number => waiters.size,
    has: (id: string): boolean => waiters.has(id),
    start(message: T): void {
      const waiter: Waiter<T> = { message, since: scheduler.now(), attempts: 0, timeouts: 0, deadline: Infinity };
      waiters.set(message.id, waiter);
      if (online) attempt(waiter);
    },
    settle(id: unknown, failure?: Error): void {
      const waiter = waiters.get(id);
      if (!waiter) return;
      waiters.delete(id);
      if (failure) dead(waiter.message, failure);
      else acked({ id: waiter.message.id, status: 'acked', attempts: waiter.attempts, latency: scheduler.now() - waiter.since });
    },
    /** Sends again what waited too long, buries what has no attempt left, and asks for the next time. */
    inspect(): void {
      const now = scheduler.now();
      let next = Infinity;
      wakeAt = Infinity;
      for (const waiter of waiters.values()) {
        if (waiter.deadline > now) next = Math.min(next, waiter.deadline);
        else if (waiter.timeouts++ < retries) attempt(waiter);
        else this.settle(waiter.message.id, new AckTimeoutError(waiter.message.id, waiter.attempts, timeout));
      }
      if (next < wakeAt) wake((wakeAt = next));
    },
    /** Offline no time runs; back online everything goes out again, in order, with all its attempts. */
    switchOnline(value: boolean): void {
      online = value;
      wake((wakeAt = Infinity));
      if (!online) return;
      for (const waiter of waiters.values()) {
        waiter.timeouts = 0;
        attempt(waiter);
      }
    },
  };
}
