import type { Compressor } from './compressor.js';

/** The used part of Node's `zlib`. */
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

/**
 * Returns a synchronous compressor that uses Node's zlib; undefined elsewhere. There is no import,
 * so bundles for browsers do not contain it.
 */
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
