import { statfsSync } from 'node:fs';
import { constants } from 'node:os';
import { StoreError } from '../errors.js';

const MDB_MAP_FULL = -30_792;
const { ENOSPC, EDQUOT, EFBIG, EIO } = constants.errno;
const NO_ROOM: readonly unknown[] = [ENOSPC, EDQUOT, EFBIG, MDB_MAP_FULL];
/** Less than this is left, in bytes, where LMDB has just failed to write a few pages more. */
const FULL = 2 ** 20;

/** What LMDB has thrown, as the error that we tell; a {@link StoreError} stays what it is. */
export function storeError(reason: unknown, path: string): StoreError {
  if (reason instanceof StoreError) return reason;
  const code = reason instanceof Error && 'code' in reason ? reason.code : undefined;
  // A full disk writes some of the pages, and LMDB calls that EIO.
  const isFull = NO_ROOM.includes(code) || (code === EIO && freeBytes(path) < FULL);
  return new StoreError('lmdb', isFull ? 'quota' : 'failed', reason);
}

/** Why a commit failed: LMDB hides that in a promise beside its error. */
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
    return Infinity; // then it was not for that
  }
}
