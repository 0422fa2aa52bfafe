import type { Compressor, Level } from './compressor.js';

/** The header of a member without a name or a time: deflate, no flags, made on Unix. */
const HEADER = [31, 139, 8, 0, 0, 0, 0, 0, 0, 3];
/** The checksum and the size of the content, behind the deflate stream. */
const TRAILER_SIZE = 8;

/** Flags of a header (RFC 1952, 2.3.1). */
const HEADER_CHECKSUM = 2;
const EXTRA = 4;
const TEXTS = [8, 16]; // the name of a file, and a comment
const RESERVED = 0xe0;

/** Returns a gzip member (RFC 1952) with these bytes. */
export function gzip(compressor: Compressor, bytes: Uint8Array, level: Level): Uint8Array {
  const stream = compressor.deflate(bytes, level);
  const end = HEADER.length + stream.length;
  const member = new Uint8Array(end + TRAILER_SIZE);
  member.set(HEADER);
  member.set(stream, HEADER.length);
  const view = new DataView(member.buffer);
  view.setUint32(end, compressor.crc32(bytes), true);
  view.setUint32(end + 4, bytes.length, true);
  return member;
}

/**
 * Returns the content of one gzip member. No memory is used for content that exceeds the size that
 * the member declares, or `maxSize`.
 *
 * @throws {Error} If the member is damaged, truncated or too large, or if other bytes follow it.
 */
export function gunzip(compressor: Compressor, member: Uint8Array, maxSize: number): Uint8Array {
  const start = headerSize(compressor, member);
  const end = member.length - TRAILER_SIZE;
  if (end < start) throw new Error('unexpected end');
  const view = new DataView(member.buffer, member.byteOffset + end);
  const size = view.getUint32(4, true);
  if (size > maxSize) throw new Error(`more than ${maxSize} bytes`);
  const content = compressor.inflate(member.subarray(start, end), size);
  if (compressor.crc32(content) !== view.getUint32(0, true)) throw new Error('a wrong checksum');
  return content;
}

function headerSize(compressor: Compressor, member: Uint8Array): number {
  const flags = member[3] ?? RESERVED;
  if (HEADER.some((byte, at) => at < 3 && member[at] !== byte) || flags & RESERVED) throw new Error('an invalid header');
  let size = HEADER.length;
  if (flags & EXTRA) size += 2 + ((member[size] ?? 0) | ((member[size + 1] ?? 0) << 8));
  for (const text of TEXTS) if (flags & text) size = member.indexOf(0, size) + 1 || Infinity;
  if (flags & HEADER_CHECKSUM) {
    const checksum = compressor.crc32(member.subarray(0, size));
    if (member[size++] !== (checksum & 255) || member[size++] !== ((checksum >> 8) & 255))
      throw new Error('a wrong checksum of the header');
  }
  return size;
}
