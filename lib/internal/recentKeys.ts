import type { SchedulerLike } from 'rxjs';
import { createRing } from './ring.js';

export interface RecentKeysOptions {
  readonly ttl: number;
  readonly maxSize: number;
  readonly scheduler: SchedulerLike;
}

/** The keys of the last `ttl` ms, at most `maxSize` of them. */
export interface RecentKeys {
  /** Whether `key` was first seen less than `ttl` ago. If not, it is now. */
  seen(key: unknown): boolean;
}

/**
 * The memory of `dedupe`: exact, in O(1) amortised, without timers. Keys are equal as in a `Set`: NaN equals itself.
 *
 * When the clock is set back, that counts as no time, so that no key is remembered for longer.
 */
export function createRecentKeys({ ttl, maxSize, scheduler }: RecentKeysOptions): RecentKeys {
  const keys = new Set<unknown>();
  // Oldest first, so what expires or has to make room is always at the head; a Set's own iterator would walk over all it has deleted.
  const order = createRing<{ readonly key: unknown; readonly until: number }>();
  const clock = steadyClock(scheduler);

  const forgetOldest = (): void => void keys.delete(order.shift()?.key);

  return {
    seen(key) {
      const now = clock();
      for (let oldest = order.peek(); oldest && oldest.until <= now; oldest = order.peek()) forgetOldest();
      if (keys.has(key)) return true;

      if (keys.size >= maxSize) forgetOldest();
      keys.add(key);
      order.push({ key, until: now + ttl });
      return false;
    },
  };
}

function steadyClock(scheduler: SchedulerLike): () => number {
  let last = -Infinity;
  let setBack = 0;
  return () => {
    const read = scheduler.now();
    if (read < last) setBack += last - read;
    last = read;
    return read + setBack;
  };
}
