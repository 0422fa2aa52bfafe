/** The remainder of each byte. Created when it is first used. */
let remainders: Int32Array | undefined;

/** Returns the checksum of gzip (RFC 1952, 8). */
export function crc32(bytes: Uint8Array): number {
  remainders ??= Int32Array.from({ length: 256 }, (_, byte) => {
    let remainder = byte;
    for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ (remainder & 1 ? 0xedb88320 : 0);
    return remainder;
  });
  let checksum = -1;
  for (const byte of bytes) checksum = (remainders[(checksum ^ byte) & 255] ?? 0) ^ (checksum >>> 8);
  return ~checksum >>> 0;
}
