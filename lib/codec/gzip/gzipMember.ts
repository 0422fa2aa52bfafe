/** The size of the trailer: checksum and size of the content. */
const TRAILER = 8;

const HEADER_CHECKSUM = 2;
const EXTRA = 4;
const NAME = 8;
const COMMENT = 16;
const RESERVED = 0xe0;

/** The parts of a gzip member. */
export interface GzipMember {
  /** The deflate stream. */
  readonly body: Uint8Array;
  readonly checksum: number;
  /** The size of the content, modulo 2^32. */
  readonly size: number;
}

/**
 * Parses the header and trailer of a gzip member (RFC 1952).
 *
 * @throws {Error} With the reason as its message.
 */
export function readGzipMember(bytes: Uint8Array, crc32: (bytes: Uint8Array) => number): GzipMember {
  const start = headerLength(bytes, crc32);
  const end = bytes.length - TRAILER;
  if (start > end) throw new Error('truncated');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return { body: bytes.subarray(start, end), checksum: view.getUint32(end, true), size: view.getUint32(end + 4, true) };
}

function headerLength(bytes: Uint8Array, crc32: (bytes: Uint8Array) => number): number {
  const [magic1, magic2, method, flags = 0] = bytes;
  if (magic1 !== 31 || magic2 !== 139 || method !== 8) throw new Error('not gzip');
  if (flags & RESERVED) throw new Error('a reserved flag');
  const byte = (at: number): number => bytes[at] ?? 0;

  let at = 10;
  if (flags & EXTRA) at += 2 + byte(at) + 256 * byte(at + 1);
  for (const text of [NAME, COMMENT]) {
    if (!(flags & text)) continue;
    const end = bytes.indexOf(0, at);
    if (end < 0) throw new Error('truncated');
    at = end + 1;
  }
  if (!(flags & HEADER_CHECKSUM)) return at;
  if ((crc32(bytes.subarray(0, at)) & 0xffff) !== byte(at) + 256 * byte(at + 1)) throw new Error('a wrong checksum of the header');
  return at + 2;
}
