import { Observable, type SchedulerLike } from 'rxjs';
import { MAX_DELAY } from './coalescedTimer.js';

/** Emits once after `delay` ms, at most {@link MAX_DELAY}, and completes; never for `Infinity`. */
export function longTimer(delay: number, scheduler: SchedulerLike): Observable<void> {
  return new Observable((to) => {
    const fire = (): void => {
      to.next();
      to.complete();
    };
    if (delay !== Infinity) to.add(scheduler.schedule(fire, Math.min(Math.max(0, delay), MAX_DELAY)));
  });
}
