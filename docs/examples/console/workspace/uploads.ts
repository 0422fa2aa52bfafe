import { open, rename, unlink, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { createMessage, ReplyError } from 'rxwire';
import type { FileChunk } from '../messages.js';
import { locate, MAX_FILE } from './files.js';
import type { Workspace } from './workspace.js';

/** What the files of a workspace may have together, in bytes. */
const MAX_TOTAL = 64 * 1_048_576;

/** Uploads of one client at once. */
const MAX_OPEN = 8;

/** A file of which not all is there: it lies beside the others, unseen. */
interface Upload {
  readonly handle: FileHandle;
  readonly partial: string;
  /** The offsets that are written: a chunk may come again. */
  readonly written: Set<number>;
  size: number;
}

export interface Uploads {
  /** Writes a chunk, and tells the workspace's channel how far the file is. Never fails: what goes wrong is told there, too. */
  readonly write: (chunk: FileChunk) => Promise<void>;
  /** Gives up what is not complete. */
  readonly close: () => void;
}

/** The uploads of one client. One chunk is to be written at a time. */
export function createUploads(find: (sandboxId: unknown) => Workspace): Uploads {
  const uploads = new Map<string, Upload>();

  const begin = async ({ folder, size: taken }: Workspace, { uploadId, size }: FileChunk): Promise<Upload> => {
    if (size > MAX_FILE) throw new ReplyError('ERR_TOO_LARGE', `a file may have ${MAX_FILE / 1_048_576} MiB at most`);
    if (uploads.size >= MAX_OPEN) throw new ReplyError('ERR_BUSY', 'too many files at once');
    if (taken() + size > MAX_TOTAL)
      throw new ReplyError('ERR_TOO_LARGE', `the files of a workspace may have ${MAX_TOTAL / 1_048_576} MiB together`);
    const partial = join(folder, `.upload-${uploadId}`);
    const upload = { handle: await open(partial, 'wx'), partial, written: new Set<number>(), size: 0 };
    uploads.set(uploadId, upload);
    return upload;
  };
  const add = async (workspace: Workspace, chunk: FileChunk): Promise<number> => {
    const { uploadId, path, offset, data, size } = chunk;
    const target = locate(workspace.folder, path);
    const upload = uploads.get(uploadId) ?? (await begin(workspace, chunk));
    if (!upload.written.has(offset)) {
      await upload.handle.write(data, 0, data.length, offset);
      upload.written.add(offset);
      upload.size += data.length;
    }
    if (upload.size < size) return upload.size / size;
    uploads.delete(uploadId);
    await upload.handle.close();
    await rename(upload.partial, target);
    return 1;
  };
  const giveUp = async (uploadId: string): Promise<void> => {
    const upload = uploads.get(uploadId);
    uploads.delete(uploadId);
    await upload?.handle.close();
    await (upload && unlink(upload.partial));
  };

  return {
    async write(chunk) {
      if (!isChunk(chunk)) return;
      const { sandboxId, uploadId, path, size } = chunk;
      const about = { sandboxId, path, operation: 'create' } as const;
      let workspace: Workspace | undefined;
      try {
        workspace = find(sandboxId);
        const progress = await add(workspace, chunk);
        workspace.channel.next(createMessage('file.upload', { ...about, progress, result: { uploadId, size } }));
      } catch (error) {
        await giveUp(uploadId).catch(() => undefined);
        const reason = error instanceof ReplyError ? error.reason : 'it cannot be written';
        // Before the chunk is acked: its client must not take it for written.
        const refusal = createMessage('file.upload', { ...about, result: { uploadId, size, error: reason } });
        await workspace?.channel.send(refusal).catch(() => undefined);
      }
    },
    close() {
      for (const uploadId of uploads.keys()) giveUp(uploadId).catch(() => undefined);
    },
  };
}

/** It came from outside: its type is what it should be, not what it is. */
function isChunk(chunk: unknown): chunk is FileChunk {
  const { sandboxId, uploadId, path, offset, data, size } = Object(chunk) as Partial<Record<keyof FileChunk, unknown>>;
  const isName = (name: unknown): boolean => typeof name === 'string' && /^[\w-]{1,64}$/.test(name);
  const isCount = (count: unknown): count is number => Number.isSafeInteger(count) && Number(count) >= 0;
  if (!isName(sandboxId) || !isName(uploadId) || typeof path !== 'string' || !(data instanceof Uint8Array)) return false;
  return isCount(offset) && isCount(size) && offset + data.length <= size;
}
