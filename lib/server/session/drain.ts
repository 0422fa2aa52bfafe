import { defer, EMPTY, ignoreElements, interval, scan, takeUntil, takeWhile, tap, type Observable, type SchedulerLike } from 'rxjs';
import { after } from '../../internal/after.js';

/** The session of a client while the server stops. */
export interface Drained {
  /** Asks the client to send no more messages, and to reconnect in `retryAfter` ms. */
  bye(retryAfter: number): void;
  /** Returns whether the client has answered and both sides have processed all messages, or the client is not connected. */
  isDrained(): boolean;
  /** Gives up the messages that are left after `timeout` ms, and reports an error if there are any. */
  giveUp(timeout: number): void;
}

export interface DrainingOptions {
  readonly retryAfter: number;
  readonly drainTimeout: number;
  readonly random: () => number;
  readonly scheduler: SchedulerLike;
}

/** The interval in which the server checks whether all sessions are drained, in ms. */
const LOOK = 20;

/** Drains all sessions; completes when they are drained, or after `drainTimeout`. The clients return after `retryAfter` to twice `retryAfter` ms. */
export function drain(all: readonly Drained[], { retryAfter, drainTimeout, random, scheduler }: DrainingOptions): Observable<never> {
  return defer(() => {
    for (const one of all) one.bye(Math.round(retryAfter * (1 + random())));
    if (all.length === 0) return EMPTY;
    return interval(LOOK, scheduler).pipe(
      // Checks twice: the ack of a message follows a moment after its processing.
      scan((looks) => (all.every((one) => one.isDrained()) ? looks + 1 : 0), 0),
      takeWhile((looks) => looks < 2),
      takeUntil(after(drainTimeout, scheduler).pipe(tap(() => all.forEach((one) => one.giveUp(drainTimeout))))),
      ignoreElements(),
    );
  });
}
