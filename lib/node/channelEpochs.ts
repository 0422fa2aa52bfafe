import type { Databases } from './lmdbDatabases.js';

const LOG_ID = 'channelLog';
const FORGOTTEN = 'channelsForgotten';
const RUNS = 'channelRuns';

/** The runs that this process has numbered. */
const runs = new WeakMap<Databases, number>();

/**
 * Returns the epoch of a channel that is created now. It changes when a channel is forgotten, so
 * that clients do not mistake new offsets of that channel for old ones. A channel that does not
 * exist yet has this epoch already: a reader that waits for its first message keeps its position.
 */
export function nextEpoch({ counters }: Databases): string {
  return `${(counters.get(LOG_ID) ?? 0).toString(36)}.${counters.get(FORGOTTEN) ?? 0}`;
}

/** Makes all channels that are created from now on begin another epoch. */
export function changeNextEpoch({ counters }: Databases): void {
  counters.putSync(FORGOTTEN, (counters.get(FORGOTTEN) ?? 0) + 1);
}

/** Stores the random part of all epochs, once. The process that does so has the run 1. */
export function identifyLog(databases: Databases, id: number): void {
  const { counters } = databases;
  if (counters.doesExist(LOG_ID)) return;
  counters.putSync(RUNS, 1);
  counters.putSync(LOG_ID, id);
  runs.set(databases, 1);
}

/**
 * Returns the number of the present run: the time from opening the folder to closing it. It is
 * higher than that of each run that has written before, also in a folder that was restored from a
 * backup. To be called inside a transaction.
 */
export function runOf(databases: Databases): number {
  const { counters } = databases;
  const stored = counters.get(RUNS) ?? 0;
  const run = runs.get(databases) ?? stored + 1;
  runs.set(databases, run);
  if (run > stored) counters.putSync(RUNS, run);
  return run;
}
