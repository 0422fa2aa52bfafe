import type { SchedulerLike } from 'rxjs';
import { wallTime } from '../../message/steadyScheduler.js';
import type { Databases } from './lmdbDatabases.js';

type Counters = Databases['counters'];

/** The time of a store, by which its entries expire, in ms. It begins as the date. */
export type StoreClock = ReturnType<typeof createStoreClock>;

/** How often the time is stored, in ms. */
const SAVE_INTERVAL = 60_000;
/** How much of the time between two processes counts at most, in ms. */
const MAX_PAUSE = 3_600_000;
const KEY = 'clock';

/**
 * Creates the clock of a store that is opened now. It continues at the time that the store has
 * reached, and passes only while the store is open: a clock of the system that is wrong by a month
 * then expires nothing, and keeps nothing for longer. The date is used only for the time during
 * which the store was closed, up to an hour.
 *
 * @param counters Where the time of the store was saved.
 */
export function createStoreClock(scheduler: SchedulerLike, counters: Counters) {
  const date = wallTime(scheduler);
  const reached = counters.get(KEY) ?? date;
  const offset = Math.min(Math.max(date, reached), reached + MAX_PAUSE) - scheduler.now();
  let saved = -Infinity;
  const now = (): number => offset + scheduler.now();
  return {
    now,
    /** Returns the date, in ms since 1970. */
    date: () => wallTime(scheduler),
    /** Stores the time for the next process. To be called inside a transaction. */
    save(stored: Counters): void {
      if (now() - saved < SAVE_INTERVAL) return;
      saved = now();
      // Another process may be ahead.
      stored.putSync(KEY, Math.max(saved, stored.get(KEY) ?? 0));
    },
  };
}
