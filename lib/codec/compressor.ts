import { deflateSync, inflateSync } from 'fflate';
import { checkDeflate } from './checkDeflate.js';
import { crc32 } from './crc32.js';

/** Compresses to deflate streams (RFC 1951), and decompresses them. */
export interface Compressor {
  deflate(bytes: Uint8Array, level: Level): Uint8Array;
  /**
   * Returns the content of a deflate stream.
   *
   * @param size The size of the content. Memory is used for no more than a small amount above it.
   * @throws {Error} If the stream is invalid, ends before or after its last byte, or has a content
   *   of another size.
   */
  inflate(stream: Uint8Array, size: number): Uint8Array;
  /** Returns the checksum of gzip. */
  crc32(bytes: Uint8Array): number;
}

export type Level = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9;

interface Zlib {
  deflateRawSync(bytes: Uint8Array, options: object): Uint8Array;
  inflateRawSync(
    stream: Uint8Array,
    options: object,
  ): { readonly buffer: Uint8Array<ArrayBuffer>; readonly engine: { readonly bytesWritten: number } };
  crc32?(bytes: Uint8Array): number;
}

interface Runtime {
  readonly process?: { readonly getBuiltinModule?: (name: string) => Zlib | undefined };
}

/** Returns the compressor of Node's zlib, without an import: bundles for browsers lack it. */
export function nativeCompressor(): Compressor | undefined {
  const zlib = (globalThis as Runtime).process?.getBuiltinModule?.('node:zlib');
  return zlib && typeof zlib.crc32 === 'function' ? compressorOf(zlib as Required<Zlib>) : undefined;
}

function compressorOf(zlib: Required<Zlib>): Compressor {
  return {
    deflate: (bytes, level) => zlib.deflateRawSync(bytes, { level, memLevel: 9 }),
    inflate(stream, size) {
      const { buffer, engine } = zlib.inflateRawSync(stream, { maxOutputLength: Math.max(1, size), info: true });
      // zlib ignores bytes after the end.
      if (engine.bytesWritten !== stream.length) throw new Error('bytes after the end');
      if (buffer.length !== size) throw new Error('a wrong size');
      // Not a Buffer: codecs treat Buffers differently.
      return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
    },
    crc32: (bytes) => zlib.crc32(bytes),
  };
}

/** Compresses with fflate, in any runtime. */
export const portableCompressor: Compressor = {
  deflate: (bytes, level) => deflateSync(bytes, { level }),
  inflate(stream, size) {
    // fflate has no limit, and accepts invalid streams, such as those with incomplete codes.
    checkDeflate(stream, size);
    return inflateSync(stream, { out: new Uint8Array(size) });
  },
  crc32,
};
