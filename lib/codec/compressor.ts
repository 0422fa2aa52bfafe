import { defer } from 'rxjs';
import { concatBytes } from '../message/bytes.js';
import type { MaybeAsync } from '../message/maybeAsync.js';

/** Compresses to gzip members (RFC 1952), and decompresses them. */
export interface Compressor {
  /** Returns a gzip member without name or time. A compressor may have no levels. */
  gzip(bytes: Uint8Array, level: Level): MaybeAsync<Uint8Array>;
  /**
   * Returns the content of a gzip member.
   *
   * @param size The maximum size of the content. No more is decompressed than a small amount above
   *   it, whatever the member contains.
   * @throws {Error} If the member is damaged or has a larger content; also delivered.
   */
  gunzip(member: Uint8Array, size: number): MaybeAsync<Uint8Array>;
}

export type Level = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9;

interface Zlib {
  gzipSync(bytes: Uint8Array, options: object): Uint8Array;
  gunzipSync(
    bytes: Uint8Array,
    options: object,
  ): { readonly buffer: Uint8Array<ArrayBuffer>; readonly engine: { readonly bytesWritten: number } };
}

interface Runtime {
  readonly process?: { readonly getBuiltinModule?: (name: string) => Zlib | undefined };
}

/** Returns the compressor of Node's zlib, without an import: bundles for browsers lack it. */
export function nativeCompressor(): Compressor | undefined {
  const zlib = (globalThis as Runtime).process?.getBuiltinModule?.('node:zlib');
  return zlib && typeof zlib.gunzipSync === 'function' ? compressorOf(zlib) : undefined;
}

function compressorOf(zlib: Zlib): Compressor {
  return {
    // A copy, because zlib's result lies in a larger buffer.
    gzip: (bytes, level) => new Uint8Array(zlib.gzipSync(bytes, { level, memLevel: 9 })),
    gunzip(member, size) {
      const { buffer, engine } = zlib.gunzipSync(member, { maxOutputLength: Math.max(1, size), info: true });
      // zlib ignores zeros after the end.
      if (engine.bytesWritten !== member.length) throw new Error('bytes after the end');
      // Not a Buffer: codecs treat Buffers differently.
      return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
    },
  };
}

/** The number of bytes that are decompressed at once. A stream may emit 1,000 times as many. */
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
