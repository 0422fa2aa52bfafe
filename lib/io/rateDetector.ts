import type { SchedulerLike } from 'rxjs';

/**
 * Returns a function to call for each event. It returns true for the `max`th event within `window`
 * ms. It reads the clock twice in `max` calls.
 */
export function createRateDetector(max: number, window: number, scheduler: SchedulerLike): () => boolean {
  let count = 0;
  let since = 0;
  return () => {
    if (count === 0) since = scheduler.now();
    if (++count < max) return false;
    count = 0;
    return scheduler.now() - since < window;
  };
}
