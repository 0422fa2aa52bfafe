import { defer, filter, map, merge, mergeMap, range, reduce, takeUntil, type Observable } from 'rxjs';
import { createMessage, MessagePriority, ofType, request, type ChannelSubject, type Wire } from 'rxwire';

/** A file travels in pieces of so many bytes: what is more urgent goes between them. */
const CHUNK = 65_536;

/** Chunks that are on their way at once. */
const WINDOW = 4;

/** A file as browsers have it. */
export interface UploadFile extends Pick<Blob, 'size' | 'slice'> {
  readonly name: string;
}

/**
 * Sends a file into a workspace, and emits how much of it is written there, up to 1. It is in the workspace when this completes, and not
 * before: until then, nobody sees a part of it.
 *
 *     upload    ---a---b---(c|)     (a third, two thirds, 1)
 *
 * @throws {Error} Delivered, when the server refuses it, or has forgotten this client.
 */
export function upload(wire: Wire, channel: ChannelSubject, sandboxId: string, file: UploadFile): Observable<number> {
  return defer(() => {
    const uploadId = crypto.randomUUID();
    const chunks = Math.max(1, Math.ceil(file.size / CHUNK));
    const send = async (index: number): Promise<unknown> => {
      const offset = index * CHUNK;
      const data = new Uint8Array(await file.slice(offset, offset + CHUNK).arrayBuffer());
      const chunk = { sandboxId, uploadId, path: `/${file.name}`, offset, data, size: file.size };
      return wire.send(createMessage('upload.chunk', chunk, { priority: MessagePriority.LOW }));
    };
    return range(0, chunks).pipe(
      mergeMap(send, WINDOW),
      map((_, index) => (index + 1) / chunks),
      takeUntil(merge(refusalOf(channel, uploadId), lossOf(wire))),
    );
  });
}

/** Fetches a file from a workspace, whole. */
export function download(wire: Wire, sandboxId: string, path: string): Observable<Blob> {
  return request(wire, createMessage('file.download', { sandboxId, path, operation: 'read' })).pipe(
    reduce((pieces, piece) => [...pieces, new Uint8Array(piece)], [] as Uint8Array<ArrayBuffer>[]),
    map((pieces) => new Blob(pieces)),
  );
}

/** Removes a file from a workspace. */
export function remove(wire: Wire, sandboxId: string, path: string): Observable<unknown> {
  return request(wire, createMessage('file.delete', { sandboxId, path, operation: 'delete' }));
}

function refusalOf(channel: ChannelSubject, uploadId: string): Observable<never> {
  return channel.pipe(
    ofType('file.upload'),
    map(({ payload }) => Object(payload.result) as { readonly uploadId?: unknown; readonly error?: unknown }),
    filter((result) => result.uploadId === uploadId && result.error !== undefined),
    map(({ error }) => {
      throw new Error(String(error));
    }),
  );
}

/** What the server has had is gone with the session. */
function lossOf(wire: Wire): Observable<never> {
  return wire.errors$.pipe(
    filter(({ code }) => code === 'ERR_SESSION_LOST'),
    map((error) => {
      throw error;
    }),
  );
}
