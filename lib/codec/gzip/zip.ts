import { gzipSync } from 'fflate';
import { crc32 } from './crc32.js';
import { inflate } from './inflate.js';

/** Compresses, and brings back what was. */
export interface Zip {
  /** A gzip member without name or time. */
  gzip(bytes: Uint8Array, level: Level): Uint8Array;
  /**
   * What is in a deflate stream, and where that ends.
   *
   * @param size Of the content. No more than that is made, whatever the stream says.
   * @throws {Error} With the reason as its message.
   */
  inflate(body: Uint8Array, size: number): { readonly content: Uint8Array; readonly end: number };
  readonly crc32: (bytes: Uint8Array) => number;
}

export type Level = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9;

/** By fflate, where there is nothing else. */
export const portableZip: Zip = {
  // Without its time, which would tell when something was sent, and which nobody needs.
  gzip: (bytes, level) => gzipSync(bytes, { level, mtime: 0 }),
  inflate,
  crc32,
};
