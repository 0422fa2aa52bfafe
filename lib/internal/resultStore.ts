import { asyncScheduler, type SchedulerLike } from 'rxjs';
import { assertPositive } from './assert.js';
import { firstOf } from './firstOf.js';
import type { Later } from './later.js';

/** What was answered lately, by the key of the request: a repeat of it gets the same answer, and is not carried out again. */
export interface ResultStore {
  /** The result that is stored, if there is one still. */
  get(key: string): Later<unknown>;
  /** Stores a result; `undefined` is none. Answers when it is stored. */
  put(key: string, result: unknown): Later<void>;
}

export interface MemoryResultsOptions {
  /** How long a result is kept, in ms. @default 300_000 */
  readonly ttl?: number;
  /** Results kept at most; when full, the oldest is forgotten. @default 10_000 */
  readonly maxSize?: number;
  /** The scheduler for clock and timers. @default asyncScheduler */
  readonly scheduler?: SchedulerLike;
}

interface Entry {
  readonly key: string;
  readonly result: unknown;
  readonly until: number;
}

/**
 * Results in memory: bounded, in O(1) amortised, without timers. They end with the process.
 *
 * @throws {RangeError} At call time, if `ttl` or `maxSize` is not positive.
 * @example
 * const results = memoryResults({ ttl: 60_000 });
 * results.put('order 7', { total: 42 });
 * console.log(results.get('order 7')); // prints: { total: 42 }
 */
export function memoryResults(options: MemoryResultsOptions = {}): ResultStore {
  const { ttl = 300_000, maxSize = 10_000, scheduler = asyncScheduler } = options;
  assertPositive('memoryResults', { ttl, maxSize });

  // In the order of their time.
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
