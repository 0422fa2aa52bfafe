import { statfsSync } from 'node:fs';
import { constants } from 'node:os';
import { StoreError } from '../../message/errors.js';

const MDB_MAP_FULL = -30_792;
const MDB_BAD_VALSIZE = -30_781;
const { ENOSPC, EDQUOT, EFBIG, EIO } = constants.errno;
const NO_ROOM: readonly unknown[] = [ENOSPC, EDQUOT, EFBIG, MDB_MAP_FULL];
/** With less free space than this, in bytes, a failed write of LMDB counts as a full disk. */
const MIN_FREE = 2 ** 20;

/**
 * Returns whether an error inside a transaction is a failure of LMDB or of the system. A key or
 * value that cannot be stored is a mistake of the caller.
 */
export function isLmdbFailure(reason: unknown): boolean {
  return reason instanceof Error && 'code' in reason && typeof reason.code === 'number' && reason.code !== MDB_BAD_VALSIZE;
}

/** Converts an error of LMDB to a {@link StoreError}; returns a StoreError unchanged. */
export function asLmdbStoreError(reason: unknown, path: string): StoreError {
  if (reason instanceof StoreError) return reason;
  const code = reason instanceof Error && 'code' in reason ? reason.code : undefined;
  // On a full disk some of the pages are written, and LMDB reports EIO.
  const isFull = NO_ROOM.includes(code) || (code === EIO && freeBytes(path) < MIN_FREE);
  return new StoreError('lmdb', isFull ? 'quota' : 'failed', reason);
}

/** Returns the cause of a failed commit, which LMDB provides as a promise beside its error. */
export async function commitFailure(reason: unknown): Promise<unknown> {
  if (!(reason instanceof Error && 'commitError' in reason)) return reason;
  try {
    await reason.commitError;
    return reason;
  } catch (cause) {
    return cause;
  }
}

function freeBytes(path: string): number {
  try {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize;
  } catch {
    return Infinity; // the disk is not the reason
  }
}
