import { identity } from 'rxjs';
import { StoreError } from '../message/errors.js';
import { attempt, type MaybeAsync, type MaybePromise } from '../message/maybeAsync.js';

/** Returns whether a store has refused a write because the session is not the owner any more. */
export function isFenced(error: unknown): boolean {
  return error instanceof StoreError && error.fault === 'fenced';
}

/** Returns an error as a `StoreError`: a store of the application may fail with any error. */
export function storeErrorOf(store: string, reason: unknown): StoreError {
  return reason instanceof StoreError ? reason : new StoreError(store, 'failed', reason);
}

/** Calls a store, and returns its result. A failure is thrown or delivered as a `StoreError`. */
export function callStore<T>(store: string, call: () => MaybePromise<T>): MaybeAsync<T> {
  return attempt<T, T>(call, identity, (reason) => {
    throw storeErrorOf(store, reason);
  });
}

const QUOTA_ERRORS: readonly unknown[] = ['QuotaExceededError', 'NS_ERROR_DOM_QUOTA_REACHED'];

/** Converts an exception of the browser to a {@link StoreError}. */
export function browserStoreError(store: string, cause: unknown): StoreError {
  if (cause instanceof StoreError) return cause;
  const { name } = Object(cause) as { readonly name?: unknown };
  return new StoreError(store, QUOTA_ERRORS.includes(name) ? 'quota' : 'failed', cause);
}
