import { StoreError } from '../../errors.js';

const QUOTA_ERRORS: readonly unknown[] = ['QuotaExceededError', 'NS_ERROR_DOM_QUOTA_REACHED'];

/** Converts an exception of the browser to a {@link StoreError}. */
export function browserStoreError(store: string, cause: unknown): StoreError {
  if (cause instanceof StoreError) return cause;
  const { name } = Object(cause) as { readonly name?: unknown };
  return new StoreError(store, QUOTA_ERRORS.includes(name) ? 'quota' : 'failed', cause);
}
