import { defer } from 'rxjs';
import { concatBytes } from '../../internal/concatBytes.js';
import type { Compressor } from './compressor.js';

/**
 * The number of bytes that are decompressed at once. A stream may emit about 1,000 times as many
 * before it can be cancelled.
 */
const PIECE = 2_048;

/** Returns the asynchronous compressor of browsers, which has no levels; undefined without one. */
export function webCompressor(): Compressor | undefined {
  if (typeof CompressionStream !== 'function' || typeof DecompressionStream !== 'function') return undefined;
  return {
    gzip: (bytes) => defer(() => readAll(pieces(bytes, bytes.length).pipeThrough(new CompressionStream('gzip')), Infinity)),
    gunzip: (member, size) => defer(() => readAll(pieces(member, PIECE).pipeThrough(new DecompressionStream('gzip')), size)),
  };
}

/** Each piece is emitted when the one before has been used. */
function pieces(bytes: Uint8Array, length: number): ReadableStream<Uint8Array<ArrayBuffer>> {
  let at = 0;
  return new ReadableStream(
    {
      pull(controller) {
        if (at >= bytes.length) controller.close();
        // None of these arrays uses memory that is shared with a worker.
        else controller.enqueue(bytes.subarray(at, (at += length)) as Uint8Array<ArrayBuffer>);
      },
    },
    { highWaterMark: 0 },
  );
}

/** Cancels the stream as soon as it has emitted more than `size` bytes, and fails. */
async function readAll(stream: ReadableStream<Uint8Array>, size: number): Promise<Uint8Array> {
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  for (let length = 0; ;) {
    const { value } = await reader.read();
    if (!value) return concatBytes(chunks);
    length += value.length;
    if (length > size) {
      await reader.cancel();
      throw new Error('a wrong size');
    }
    chunks.push(value);
  }
}
