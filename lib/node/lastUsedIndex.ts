import type { Database } from 'lmdb';
import type { SchedulerLike } from 'rxjs';
import type { LmdbKey } from './lmdbDatabases.js';

export interface LastUsedIndexOptions {
  /** Distinguishes these keys from those of other indexes. */
  readonly kind: string;
  /** The time after which an unused key expires, in ms; may be `Infinity`. */
  readonly ttl: number;
  /** The maximum number of keys. */
  readonly maxKeys: number;
  /** The resolution of the index, in ms: a key in constant use is moved no more often than that. */
  readonly step: number;
  readonly scheduler: SchedulerLike;
  /** Returns the current number of keys. */
  readonly count: () => number;
  /** Returns the stored time of a key. */
  readonly atOf: (key: string) => number | undefined;
  /** Deletes the data of a key. Its entry in the index is already removed. */
  readonly drop: (key: string) => void;
}

/**
 * The time of last use of each key, ordered by time, so that old keys are found without a full scan. All methods but `isExpired` must be
 * called inside a transaction.
 */
export interface LastUsedIndex {
  /** Returns whether a key that was last used at `at` has expired. */
  isExpired(at: number): boolean;
  /**
   * Records the use of a key, and evicts old keys if it is new.
   *
   * @param before The previous result for this key; undefined if it is new.
   * @returns The current time, to be stored with the key.
   */
  touch(key: string, before: number | undefined): number;
  /** Removes a key from the index. */
  remove(key: string, at: number): void;
}

type Entry = readonly [kind: string, step: number, key: string];

/** The maximum number of evictions in one call, to bound its time. */
const MAX_EVICTIONS = 16;

/** Creates an index by time of last use over the keys of another database. */
export function createLastUsedIndex(index: Database<true, LmdbKey>, options: LastUsedIndexOptions): LastUsedIndex {
  const { kind, ttl, maxKeys, step: width, scheduler, count, atOf, drop } = options;
  const stepOf = (at: number): number => Math.floor(at / width);

  const evict = (now: number, maxRemaining: number): void => {
    const oldest = [...index.getKeys({ start: [kind], end: [kind, Infinity], limit: MAX_EVICTIONS })] as unknown as Entry[];
    for (const [, step, key] of oldest) {
      const isOverdue = (step + 1) * width + ttl <= now;
      if (!isOverdue && count() <= maxRemaining) return;
      index.removeSync([kind, step, key]);
      // An entry may be out of date if the data of its key became unreadable.
      if (step === stepOf(atOf(key) ?? NaN)) drop(key);
    }
  };
  return {
    isExpired: (at) => at + ttl <= scheduler.now(),
    touch(key, before) {
      const now = scheduler.now();
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
