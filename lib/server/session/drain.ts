import { defer, EMPTY, ignoreElements, interval, scan, takeUntil, takeWhile, type Observable, type SchedulerLike } from 'rxjs';
import { after } from '../../internal/after.js';

/** One client while the server stops. */
export interface Drained {
  /** Asks it to send nothing more, and to come back in so many ms. */
  bye(retryAfter: number): void;
  /** Whether it has answered, and all that both have sent is processed; or it is away. */
  isDrained(): boolean;
}

export interface DrainingOptions {
  readonly retryAfter: number;
  readonly drainTimeout: number;
  readonly random: () => number;
  readonly scheduler: SchedulerLike;
}

/** How often it is looked whether all is done, in ms. */
const LOOK = 20;

/** Completes when all of them are idle, or it takes too long. They are asked to return one after the other, within `retryAfter` ms of each other. */
export function drain(all: readonly Drained[], { retryAfter, drainTimeout, random, scheduler }: DrainingOptions): Observable<never> {
  return defer(() => {
    for (const one of all) one.bye(Math.round(retryAfter * (1 + random())));
    if (all.length === 0) return EMPTY;
    return interval(LOOK, scheduler).pipe(
      // Twice: what was done just now is acked a moment later.
      scan((looks) => (all.every((one) => one.isDrained()) ? looks + 1 : 0), 0),
      takeWhile((looks) => looks < 2),
      takeUntil(after(drainTimeout, scheduler)),
      ignoreElements(),
    );
  });
}
