import { noop } from 'rxjs';
import type { Databases } from './lmdbDatabases.js';
import type { StoreClock } from './storeClock.js';

export interface LastUsedIndexOptions {
  /** Distinguishes these keys from those of other indexes. */
  readonly kind: string;
  /** The time after which an unused key expires, in ms; may be `Infinity`. */
  readonly ttl: number;
  /** The maximum number of keys. */
  readonly maxKeys: number;
  /** The resolution of the index, in ms: a key in constant use is moved no more often than that. */
  readonly step: number;
  readonly clock: StoreClock;
  /** Returns the current number of keys. */
  readonly count: () => number;
  /** Returns the stored time of a key. */
  readonly atOf: (key: string) => number | undefined;
  /** Deletes the data of a key. Its entry in the index is already removed. */
  readonly drop: (key: string) => void;
  /**
   * Returns whether a key is in use now: it does not expire, and is not evicted.
   * @default none is
   */
  readonly isOpen?: (key: string) => boolean;
  /** Stores the time of a key that is in use. @default does nothing */
  readonly renew?: (key: string, at: number) => void;
}

/**
 * The time of last use of each key, ordered by time, so that old keys are found without a full
 * scan. All methods but `isExpired` must be called inside a transaction.
 */
export interface LastUsedIndex {
  /** Returns whether a key that was last used at `at` has expired. */
  isExpired(key: string, at: number): boolean;
  /**
   * Records the use of a key, and evicts old keys if it is new.
   *
   * @param before The previous result for this key; undefined if it is new.
   * @returns The time of the store, to be stored with the key.
   */
  touch(key: string, before: number | undefined): number;
  /** Removes a key from the index. */
  remove(key: string, at: number): void;
}

type Entry = readonly [kind: string, step: number, key: string];

/** The maximum number of evictions in one call, to bound its time. */
const MAX_EVICTIONS = 16;

/**
 * The maximum number of entries that one call reads: keys that are in use may be among the oldest.
 * When all of them are, the index exceeds its maximum.
 */
const MAX_READ = 64;

/** Creates an index by time of last use over the keys of another database. */
export function createLastUsedIndex({ lastUsed: index, counters }: Databases, options: LastUsedIndexOptions): LastUsedIndex {
  const { kind, ttl, maxKeys, step: width, clock, count, atOf, drop, isOpen = () => false, renew = noop } = options;
  const stepOf = (at: number): number => Math.floor(at / width);

  /** Moves a key that is in use behind the others. */
  const keep = (key: string, step: number, now: number): void => {
    if (step === stepOf(now)) return;
    index.removeSync([kind, step, key]);
    index.putSync([kind, stepOf(now), key], true);
    renew(key, now);
  };
  const evict = (now: number, maxRemaining: number): void => {
    const oldest = [...index.getKeys({ start: [kind], end: [kind, Infinity], limit: MAX_READ })] as unknown as Entry[];
    let evictions = 0;
    for (const [, step, key] of oldest) {
      const isOverdue = (step + 1) * width + ttl <= now;
      if (evictions === MAX_EVICTIONS || (!isOverdue && count() <= maxRemaining)) return;
      // An entry may be out of date if the data of its key became unreadable.
      const isValid = step === stepOf(atOf(key) ?? NaN);
      if (isValid && isOpen(key)) {
        keep(key, step, now);
        continue;
      }
      index.removeSync([kind, step, key]);
      evictions++;
      if (isValid) drop(key);
    }
  };
  return {
    isExpired: (key, at) => at + ttl <= clock.now() && !isOpen(key),
    touch(key, before) {
      const now = clock.now();
      clock.save(counters);
      if (before !== undefined && stepOf(before) === stepOf(now)) return now;
      if (before !== undefined) index.removeSync([kind, stepOf(before), key]);
      // Before its own insertion: among keys of one step, the first in key order is evicted.
      evict(now, before === undefined ? maxKeys - 1 : maxKeys);
      index.putSync([kind, stepOf(now), key], true);
      return now;
    },
    remove: (key, at) => void index.removeSync([kind, stepOf(at), key]),
  };
}
