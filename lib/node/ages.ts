import type { Database } from 'lmdb';
import type { SchedulerLike } from 'rxjs';
import type { LmdbKey } from './databases.js';

export interface AgesOptions {
  /** Names these keys among those of others. */
  readonly kind: string;
  /** How long a key that is not used is kept, in ms; `Infinity`: for good. */
  readonly ttl: number;
  /** Keys kept at most. */
  readonly maxKeys: number;
  /** How exactly the index tells times apart, in ms: a key in steady use moves in it no more often than that. */
  readonly step: number;
  readonly scheduler: SchedulerLike;
  /** How many keys there are now. */
  readonly count: () => number;
  /** What is stored as the time of a key. */
  readonly atOf: (key: string) => number | undefined;
  /** Deletes what a key stands for; its entry in the index is gone already. */
  readonly drop: (key: string) => void;
}

/** When keys were used last, so that the old ones can be found without looking at the others. All but `isOld` is for the inside of a transaction. */
export interface Ages {
  /** Whether what was used at `at` has been left alone for too long. */
  isOld(at: number): boolean;
  /**
   * Notes that a key is in use, and makes room when it is new.
   *
   * @param before What this had returned for the key before; `undefined` when it is new.
   * @returns The time, to be stored with the key.
   */
  touch(key: string, before: number | undefined): number;
  /** Takes a key out of the index. */
  remove(key: string, at: number): void;
}

type Entry = readonly [kind: string, step: number, key: string];

/** Dropped at once at most: nobody shall wait for the cleaning of a whole store. */
const MAX_SWEEP = 16;

/** An index by time over the keys of another database. */
export function createAges(index: Database<true, LmdbKey>, options: AgesOptions): Ages {
  const { kind, ttl, maxKeys, step: width, scheduler, count, atOf, drop } = options;
  const stepOf = (at: number): number => Math.floor(at / width);

  const sweep = (now: number, room: number): void => {
    const oldest = [...index.getKeys({ start: [kind], end: [kind, Infinity], limit: MAX_SWEEP })] as unknown as Entry[];
    for (const [, step, key] of oldest) {
      const isOverdue = (step + 1) * width + ttl <= now;
      if (!isOverdue && count() <= room) return;
      index.removeSync([kind, step, key]);
      // An entry may outlive its key, when what the key stood for could not be read any more.
      if (step === stepOf(atOf(key) ?? NaN)) drop(key);
    }
  };
  return {
    isOld: (at) => at + ttl <= scheduler.now(),
    touch(key, before) {
      const now = scheduler.now();
      if (before !== undefined && stepOf(before) === stepOf(now)) return now;
      if (before !== undefined) index.removeSync([kind, stepOf(before), key]);
      // Before it is in the index itself: of one step, the first in the order of keys is dropped.
      sweep(now, before === undefined ? maxKeys - 1 : maxKeys);
      index.putSync([kind, stepOf(now), key], true);
      return now;
    },
    remove: (key, at) => void index.removeSync([kind, stepOf(at), key]),
  };
}
