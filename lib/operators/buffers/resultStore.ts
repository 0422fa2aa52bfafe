import type { SchedulerLike } from 'rxjs';
import { assertPositive, checkOptions } from '../../message/development.js';
import { firstOf } from '../subscribing/firstOf.js';
import type { MaybeAsync } from '../../message/maybeAsync.js';
import { steadyScheduler } from '../../message/steadyScheduler.js';

/** Stores recent results by the key of the request: a repeat is not executed again. */
export interface ResultStore {
  /** Returns the stored result; undefined if there is none. */
  get(key: string): MaybeAsync<unknown>;
  /** Stores a result, which must not be undefined. Returns when it is stored. */
  put(key: string, result: unknown): MaybeAsync<void>;
}

export interface MemoryResultsOptions {
  /** The time for which a result is kept, in ms. @default 300_000 */
  readonly ttl?: number;
  /** The maximum number of results. A full store evicts the oldest. @default 10_000 */
  readonly maxSize?: number;
  /** The scheduler for clock and timers. @default asyncScheduler, with a monotonic clock */
  readonly scheduler?: SchedulerLike;
}

interface Entry {
  readonly key: string;
  readonly result: unknown;
  readonly until: number;
}

/**
 * Stores results in memory: bounded, in O(1) amortised, without timers.
 *
 * @throws {RangeError} At call time, if `ttl` or `maxSize` is not positive.
 * @example
 * import { memoryResults } from 'rxwire';
 *
 * const results = memoryResults({ ttl: 60_000 });
 * results.put('order 7', { total: 42 });
 * console.log(results.get('order 7')); // prints: { total: 42 }
 */
export function memoryResults(options: MemoryResultsOptions = {}): ResultStore {
  checkOptions('memoryResults', options);
  const { ttl = 300_000, maxSize = 10_000, scheduler = steadyScheduler() } = options;
  assertPositive('memoryResults', { ttl, maxSize });

  // In order of time.
  const entries = new Map<string, Entry>();
  const oldest = firstOf(entries);
  const forgetOld = (now: number): void => {
    for (let entry = oldest(); entry && (entry.until <= now || entries.size > maxSize); entry = oldest()) entries.delete(entry.key);
  };

  return {
    get(key) {
      forgetOld(scheduler.now());
      return entries.get(key)?.result;
    },
    put(key, result) {
      const now = scheduler.now();
      entries.delete(key);
      entries.set(key, { key, result, until: now + ttl });
      forgetOld(now);
    },
  };
}
