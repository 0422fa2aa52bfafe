import type { SchedulerLike } from 'rxjs';

export interface RecentKeysOptions {
  readonly ttl: number;
  readonly maxSize: number;
  readonly scheduler: SchedulerLike;
}

/** The keys of the last `ttl` ms, at most `maxSize` of them. */
export interface RecentKeys {
  /** Whether `key` was first seen less than `ttl` ago. If not, it is now. */
  seen(key: unknown): boolean;
  /** Whether {@link seen} was asked for `key` less than `ttl` ago. */
  has(key: unknown): boolean;
}

interface Entry {
  readonly key: unknown;
  readonly until: number;
  next: Entry | undefined;
}

/**
 * The memory of `dedupe`: exact, in O(1) amortised, without timers. Keys are equal as in a `Set`: NaN equals itself.
 *
 * When the clock is set back, that counts as no time, so that no key is remembered for longer.
 */
export function createRecentKeys({ ttl, maxSize, scheduler }: RecentKeysOptions): RecentKeys {
  const keys = new Set<unknown>();
  // A list in order of coming: what expires or makes room is at its head. A Set's own iterator would walk over all that it has deleted.
  let oldest: Entry | undefined;
  let newest: Entry | undefined;
  const clock = steadyClock(scheduler);

  const forget = (entry: Entry): void => {
    keys.delete(entry.key);
    oldest = entry.next;
    entry.next = undefined; // or a dead entry would keep all later ones from being collected early
  };
  const forgetOld = (): number => {
    const now = clock();
    while (oldest && oldest.until <= now) forget(oldest);
    return now;
  };

  return {
    has(key) {
      forgetOld();
      return keys.has(key);
    },
    seen(key) {
      const now = forgetOld();
      if (keys.has(key)) return true;

      if (oldest && keys.size >= maxSize) forget(oldest);
      keys.add(key);
      const entry = { key, until: now + ttl, next: undefined };
      if (oldest && newest) newest.next = entry;
      else oldest = entry;
      newest = entry;
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
