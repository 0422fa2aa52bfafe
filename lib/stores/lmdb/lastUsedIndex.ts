import type { LmdbEnvironment } from './lmdbEnvironment.js';
import { readValue } from './lmdbDatabases.js';
import type { StoreClock } from './storeClock.js';

/** The limits of the logs of one kind, which is the first word of their names. */
export interface LogKind {
  /** The time after which an unused log is removed, in ms; may be `Infinity`. */
  readonly ttl: number;
  /** The maximum number of logs. Above it, the least recently used is removed. */
  readonly max: number;
  /** The resolution of the index, in ms: a log in constant use is moved no more often than that. */
  readonly step: number;
}

export interface LogRow {
  readonly head: unknown;
  /** The highest key that was ever used. */
  readonly last: number;
  readonly count: number;
  /** The time of the last change; 0 if the log does not expire. */
  readonly at: number;
}

type Entry = readonly [kind: string, step: number, log: string];

/** The maximum number of evictions in one call, to bound its time. */
const MAX_EVICTIONS = 16;

/**
 * The maximum number of entries that one call reads: logs that are in use may be among the oldest.
 * When all of them are, the index exceeds its maximum.
 */
const MAX_READ = 64;

/**
 * Creates the index of the logs of one kind, ordered by the time of last use, so that old logs are
 * found without a full scan. All methods but `isExpired` must be called inside a transaction.
 *
 * @param remove Removes a log. Its entry in the index is already removed.
 */
export function createLastUsedIndex(
  { usedLogs, databases }: LmdbEnvironment,
  clock: StoreClock,
  kind: string,
  { ttl, max, step: width }: LogKind,
  remove: (log: string) => void,
) {
  const { lastUsed: index, counters, logs } = databases;
  const stepOf = (at: number): number => Math.floor(at / width);

  const evict = (now: number, maxRemaining: number): void => {
    const oldest = [...index.getKeys({ start: [kind], end: [kind, Infinity], limit: MAX_READ })] as unknown as Entry[];
    let evictions = 0;
    for (const [, step, log] of oldest) {
      const isOverdue = (step + 1) * width + ttl <= now;
      const count = counters.get(counterOf(kind)) ?? 0;
      if (evictions === MAX_EVICTIONS || (!isOverdue && count <= maxRemaining)) return;
      const row = readValue(logs, log);
      // An entry may be out of date if the log became unreadable.
      const isValid = isLogRow(row) && step === stepOf(row.at);
      const isKept = isValid && usedLogs.has(log);
      if (isKept && step === stepOf(now)) continue;
      index.removeSync([kind, step, log]);
      if (isKept) {
        // Moves it behind the others.
        index.putSync([kind, stepOf(now), log], true);
        logs.putSync(log, { ...row, at: now });
        continue;
      }
      evictions++;
      if (isValid) remove(log);
    }
  };
  return {
    /** Returns whether a log that was last used at `at` has expired. */
    isExpired: (log: string, at: number): boolean => at + ttl <= clock.now() && !usedLogs.has(log),
    /**
     * Records the use of a log, and evicts old logs if it is new.
     *
     * @param before The previous result for this log; undefined if it is new.
     * @returns The time of the store, to be stored with the log.
     */
    touch(log: string, before: number | undefined): number {
      const now = clock.now();
      clock.save(counters);
      if (before !== undefined && stepOf(before) === stepOf(now)) return now;
      if (before !== undefined) index.removeSync([kind, stepOf(before), log]);
      // Before its own insertion: among logs of one step, the first in order of names is evicted.
      evict(now, before === undefined ? max - 1 : max);
      index.putSync([kind, stepOf(now), log], true);
      return now;
    },
    remove: (log: string, at: number): void => void index.removeSync([kind, stepOf(at), log]),
  };
}

export const counterOf = (kind: string): string => `logs ${kind}`;

export function isLogRow(value: unknown): value is LogRow {
  const { last, count, at } = Object(value) as Partial<Record<keyof LogRow, unknown>>;
  return typeof last === 'number' && typeof count === 'number' && typeof at === 'number';
}
