import type { Compressor } from './compressor.js';

/** The used part of Node's `zlib`. */
interface Zlib {
  gzipSync(bytes: Uint8Array, options: object): Uint8Array;
  inflateRawSync(
    bytes: Uint8Array,
    options: object,
  ): { readonly buffer: Uint8Array<ArrayBuffer>; readonly engine: { readonly bytesWritten: number } };
  crc32(bytes: Uint8Array): number;
}

interface Runtime {
  readonly process?: { readonly getBuiltinModule?: (name: string) => Zlib | undefined };
}

/**
 * Returns a compressor that uses Node's zlib; undefined elsewhere. There is no import, so bundles
 * for browsers do not contain it.
 */
export function nativeCompressor(): Compressor | undefined {
  const zlib = (globalThis as Runtime).process?.getBuiltinModule?.('node:zlib');
  return zlib && typeof zlib.crc32 === 'function' ? compressorOf(zlib) : undefined;
}

function compressorOf(zlib: Zlib): Compressor {
  return {
    // A copy, because zlib's result lies in a larger buffer.
    gzip: (bytes, level) => new Uint8Array(zlib.gzipSync(bytes, { level, memLevel: 9 })),
    inflate(body, size) {
      const { buffer, engine } = zlib.inflateRawSync(body, { maxOutputLength: Math.max(1, size), info: true });
      // Not a Buffer: codecs treat Buffers differently.
      return { content: new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length), end: engine.bytesWritten };
    },
    crc32: (bytes) => zlib.crc32(bytes),
  };
}
