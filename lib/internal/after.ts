import { NEVER, timer, type Observable, type SchedulerLike } from 'rxjs';
import { MAX_DELAY } from './coalescedTimer.js';

/**
 * Emits once after `delay` ms; never if it is `Infinity`. A plain timer fires at once if the delay
 * is too long for it.
 */
export function after(delay: number, scheduler: SchedulerLike): Observable<unknown> {
  return delay === Infinity ? NEVER : timer(Math.min(delay, MAX_DELAY), scheduler);
}
