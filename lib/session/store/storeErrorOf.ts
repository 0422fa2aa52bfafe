import { identity } from 'rxjs';
import { StoreError } from '../../errors.js';
import { attempt, type MaybeAsync, type MaybePromise } from '../../internal/maybeAsync.js';

/**
 * Returns an error of a store as a `StoreError`: a store of the application may fail with any
 * error.
 */
export function storeErrorOf(store: string, reason: unknown): StoreError {
  return reason instanceof StoreError ? reason : new StoreError(store, 'failed', reason);
}

/** Calls a store, and returns its result. A failure is thrown or delivered as a `StoreError`. */
export function callStore<T>(store: string, call: () => MaybePromise<T>): MaybeAsync<T> {
  return attempt<T, T>(call, identity, (reason) => {
    throw storeErrorOf(store, reason);
  });
}
