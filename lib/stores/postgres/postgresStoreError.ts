import { StoreError } from '../../message/errors.js';

/**
 * SQLSTATEs of a server that cannot work: lost connections, missing resources, a shutdown, errors
 * of the system, damaged data.
 */
const SYSTEM = /^(08|53|57P|58|F0|XX)/;
const DISK_FULL = '53100';
/** A wait for a lock has exceeded `lock_timeout`, or a statement with `nowait` has failed. */
const LOCK_TIMEOUT = '55P03';
/** A serialization failure, a deadlock, a lock: the transaction may succeed if it is repeated. */
const CONFLICTS: readonly unknown[] = ['40001', '40P01', LOCK_TIMEOUT];

/** Returns an error of PostgreSQL or its driver as a {@link StoreError}. */
export function asPostgresStoreError(reason: unknown): StoreError {
  if (reason instanceof StoreError) return reason;
  return new StoreError('postgres', sqlState(reason) === DISK_FULL ? 'quota' : 'failed', reason);
}

/** Returns whether the server, not a statement, is the reason of a failure. */
export function isSystemFailure(reason: unknown): boolean {
  return reason instanceof StoreError || SYSTEM.test(sqlState(reason) ?? '');
}

export function isConflict(reason: unknown): boolean {
  return CONFLICTS.includes(sqlState(reason));
}

export function isLockTimeout(reason: unknown): boolean {
  return sqlState(reason) === LOCK_TIMEOUT;
}

function sqlState(reason: unknown): string | undefined {
  const { code } = Object(reason) as { readonly code?: unknown };
  return typeof code === 'string' && code.length === 5 ? code : undefined;
}
