import { NEVER, timer, type Observable, type SchedulerLike } from 'rxjs';
import { MAX_DELAY } from './alarm.js';

/** Emits once, `delay` ms from now; never, if that is `Infinity`. A bare timer fires at once when a delay is too long for it. */
export function after(delay: number, scheduler: SchedulerLike): Observable<unknown> {
  return delay === Infinity ? NEVER : timer(Math.min(delay, MAX_DELAY), scheduler);
}
