import type { MaybeAsync } from '../../internal/maybeAsync.js';

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
