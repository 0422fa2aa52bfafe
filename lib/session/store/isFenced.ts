import { StoreError } from '../../errors.js';

/**
 * Returns whether a store has refused a write because the session is not the owner of the stored
 * state any more.
 */
export function isFenced(error: unknown): boolean {
  return error instanceof StoreError && error.fault === 'fenced';
}
