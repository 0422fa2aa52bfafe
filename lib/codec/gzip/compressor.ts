import { gzipSync } from 'fflate';
import { crc32 } from './crc32.js';
import { inflate } from './inflate.js';

/** Compresses and decompresses. */
export interface Compressor {
  /** Returns a gzip member without name or time. */
  gzip(bytes: Uint8Array, level: Level): Uint8Array;
  /**
   * Returns the content of a deflate stream, and the end of the stream.
   *
   * @param size The size of the content. No more than that is allocated, whatever the stream
   *   contains.
   * @throws {Error} With the reason as its message.
   */
  inflate(body: Uint8Array, size: number): { readonly content: Uint8Array; readonly end: number };
  readonly crc32: (bytes: Uint8Array) => number;
}

export type Level = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9;

/** Uses fflate. The fallback where there is no zlib. */
export const portableCompressor: Compressor = {
  // Without the time, which would reveal when something was sent.
  gzip: (bytes, level) => gzipSync(bytes, { level, mtime: 0 }),
  inflate,
  crc32,
};
