import { throwError, type SchedulerLike } from 'rxjs';
import type { ResultStore } from '../internal/resultStore.js';
import { createAges } from './ages.js';
import { countOf, readValue } from './databases.js';
import type { Environment } from './environment.js';
import { storeError } from './storeError.js';

export interface ResultsOptions {
  readonly environment: Environment;
  /** How long a result is kept, in ms. */
  readonly ttl: number;
  /** Results kept at most. */
  readonly maxResults: number;
  readonly scheduler: SchedulerLike;
}

/** What is stored of a result. */
interface Row {
  readonly at: number;
  readonly result: unknown;
}

export function createResults({ environment, ttl, maxResults, scheduler }: ResultsOptions): ResultStore {
  const { results, ages: index } = environment.databases;
  const rowOf = (key: string): Row | undefined => {
    const row = readValue(results, key);
    return isRow(row) ? row : undefined;
  };
  const ages = createAges(index, {
    kind: 'result',
    ttl,
    maxKeys: maxResults,
    step: 1, // a result is stored once, and the oldest shall go first
    scheduler,
    count: () => countOf(results),
    atOf: (key) => rowOf(key)?.at,
    drop: (key) => void results.removeSync(key),
  });
  const store = (key: string, result: unknown): void => {
    results.putSync(key, { at: ages.touch(key, rowOf(key)?.at), result });
  };

  return {
    get(key) {
      try {
        const row = rowOf(key);
        return row && !ages.isOld(row.at) ? row.result : undefined;
      } catch (reason) {
        return throwError(() => storeError(reason, environment.path));
      }
    },
    // Within an effect, it belongs to the transaction of that.
    put: (key, result) => (environment.isInside ? store(key, result) : environment.write(() => store(key, result))),
  };
}

function isRow(value: unknown): value is Row {
  return typeof value === 'object' && value !== null && typeof (value as Record<keyof Row, unknown>).at === 'number';
}
