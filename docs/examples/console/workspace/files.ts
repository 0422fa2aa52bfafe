import { constants } from 'node:fs';
import { open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { defer, from, mergeMap, type Observable } from 'rxjs';
import { ReplyError } from 'rxwire';

/** What a file may have, in bytes: it is sent to a page, and kept by it, whole. */
export const MAX_FILE = 16 * 1_048_576;

/** Files are read in pieces of at most so many bytes. */
const PIECE = 65_536;

/**
 * Where the file of that path is: right in the folder. Names with a dot in front are kept for what is not the user's.
 *
 * @throws {ReplyError} If that is no path.
 */
export function locate(folder: string, path: unknown): string {
  if (typeof path === 'string' && /^\/[^./\0][^/\0]{0,99}$/.test(path)) return join(folder, path);
  throw new ReplyError('ERR_BAD_PATH', 'a path is a slash, and a name of up to 100 characters');
}

/** Emits a file, piece by piece. A program may have made a link of it, which leads anywhere: that is not followed. */
export function readPieces(file: string): Observable<Uint8Array> {
  const openFile = async () => {
    const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const stats = await handle.stat();
    if (stats.isFile() && stats.size <= MAX_FILE) return handle.createReadStream({ highWaterMark: PIECE });
    await handle.close();
    throw new ReplyError('ERR_TOO_LARGE', 'that is no file, or one of more than 16 MiB');
  };
  return defer(() => openFile().catch(refuse)).pipe(mergeMap((stream) => from(stream as AsyncIterable<Uint8Array>)));
}

export async function removeFile(file: string): Promise<null> {
  await unlink(file).catch(refuse);
  return null;
}

function refuse(error: unknown): never {
  if (error instanceof ReplyError) throw error;
  throw new ReplyError('ERR_NO_FILE', 'there is no such file');
}
