import type { Zip } from './zip.js';

/** What is used here of Node's `zlib`. */
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

/** By the zlib of Node, where that is what we run on. Nothing is imported: bundles for browsers know nothing of it. */
export function nativeZip(): Zip | undefined {
  const zlib = (globalThis as Runtime).process?.getBuiltinModule?.('node:zlib');
  return zlib && typeof zlib.crc32 === 'function' ? zipOf(zlib) : undefined;
}

function zipOf(zlib: Zlib): Zip {
  return {
    // A copy: zlib's lies in a buffer that is larger.
    gzip: (bytes, level) => new Uint8Array(zlib.gzipSync(bytes, { level, memLevel: 9 })),
    inflate(body, size) {
      const { buffer, engine } = zlib.inflateRawSync(body, { maxOutputLength: Math.max(1, size), info: true });
      // Not a Buffer: codecs make other things of those.
      return { content: new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length), end: engine.bytesWritten };
    },
    crc32: (bytes) => zlib.crc32(bytes),
  };
}
