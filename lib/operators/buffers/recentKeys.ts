import type { SchedulerLike } from 'rxjs';

interface RecentKeysOptions {
  readonly ttl: number;
  readonly maxSize: number;
  readonly scheduler: SchedulerLike;
}

interface Entry {
  readonly key: unknown;
  readonly until: number;
  next: Entry | undefined;
}

export type RecentKeys = ReturnType<typeof createRecentKeys>;

/**
 * Creates the keys of the last `ttl` ms, at most `maxSize` of them: exact, in O(1) amortised,
 * without timers. Keys are equal as in a `Set`: NaN equals itself.
 *
 * A clock that is set back counts as stopped, so that no key is kept for longer.
 */
export function createRecentKeys({ ttl, maxSize, scheduler }: RecentKeysOptions) {
  const keys = new Set<unknown>();
  // A linked list in order of arrival: expired and evicted keys are at its head. The iterator of a
  // Set would visit all deleted entries.
  let oldest: Entry | undefined;
  let newest: Entry | undefined;
  const clock = steadyClock(scheduler);

  const forget = (entry: Entry): void => {
    keys.delete(entry.key);
    oldest = entry.next;
    entry.next = undefined; // otherwise a removed entry would keep all later ones from being collected
  };
  const forgetOld = (): number => {
    const now = clock();
    while (oldest && oldest.until <= now) forget(oldest);
    return now;
  };

  return {
    has(key: unknown): boolean {
      forgetOld();
      return keys.has(key);
    },
    /** Returns whether `key` was first seen less than `ttl` ago. If not, it is added. */
    seen(key: unknown): boolean {
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
