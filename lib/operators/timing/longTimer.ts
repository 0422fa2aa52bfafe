import { Observable, type SchedulerLike } from 'rxjs';
import { MAX_DELAY } from './coalescedTimer.js';

/**
 * Emits once after `delay` ms, and completes; never if it is `Infinity`. A plain timer fires at
 * once if the delay is too long for it.
 */
export function longTimer(delay: number, scheduler: SchedulerLike): Observable<void> {
  return new Observable((to) => {
    const fire = (): void => {
      to.next();
      to.complete();
    };
    if (delay !== Infinity) to.add(scheduler.schedule(fire, Math.min(Math.max(0, delay), MAX_DELAY)));
  });
}
