import { throwError } from 'rxjs';
import type { ResultStore } from '../internal/resultStore.js';
import { createLastUsedIndex } from './lastUsedIndex.js';
import { countOf, readValue } from './lmdbDatabases.js';
import type { LmdbEnvironment } from './lmdbEnvironment.js';
import { asLmdbStoreError } from './lmdbStoreError.js';
import type { StoreClock } from './storeClock.js';

export interface LmdbResultsOptions {
  readonly environment: LmdbEnvironment;
  /** The time for which a result is kept, in ms. */
  readonly ttl: number;
  /** The maximum number of results. */
  readonly maxResults: number;
  readonly clock: StoreClock;
}

/** A stored result. */
interface ResultRow {
  readonly at: number;
  readonly result: unknown;
}

export function createLmdbResults({ environment, ttl, maxResults, clock }: LmdbResultsOptions): ResultStore {
  const { results } = environment.databases;
  const rowOf = (key: string): ResultRow | undefined => {
    const row = readValue(results, key);
    return isResultRow(row) ? row : undefined;
  };
  const lastUsed = createLastUsedIndex(environment.databases, {
    kind: 'result',
    ttl,
    maxKeys: maxResults,
    step: 1, // a result is stored once, and the oldest is evicted first
    clock,
    count: () => countOf(results),
    atOf: (key) => rowOf(key)?.at,
    drop: (key) => void results.removeSync(key),
  });
  const store = (key: string, result: unknown): void => {
    results.putSync(key, { at: lastUsed.touch(key, rowOf(key)?.at), result });
  };

  return {
    get(key) {
      try {
        const row = rowOf(key);
        return row && !lastUsed.isExpired(key, row.at) ? row.result : undefined;
      } catch (reason) {
        return throwError(() => asLmdbStoreError(reason, environment.path));
      }
    },
    // Inside an effect, the write is part of its transaction.
    put: (key, result) => (environment.isInside ? store(key, result) : environment.write(() => store(key, result))),
  };
}

function isResultRow(value: unknown): value is ResultRow {
  return typeof value === 'object' && value !== null && typeof (value as Record<keyof ResultRow, unknown>).at === 'number';
}
