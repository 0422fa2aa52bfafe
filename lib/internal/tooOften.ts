import type { SchedulerLike } from 'rxjs';

/** Is to be called each time; answers whether that was the `max`th time within so many ms. It looks at the clock twice in `max` times. */
export function createTooOften(max: number, within: number, scheduler: SchedulerLike): () => boolean {
  let count = 0;
  let since = 0;
  return () => {
    if (count === 0) since = scheduler.now();
    if (++count < max) return false;
    count = 0;
    return scheduler.now() - since < within;
  };
}
