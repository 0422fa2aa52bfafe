/** A gzip member around a deflate stream. */
export function memberOf(stream: Uint8Array, size: number, checksum: number): Uint8Array {
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(checksum >>> 0);
  trailer.writeUInt32LE(size, 4);
  return new Uint8Array(Buffer.concat([Buffer.of(31, 139, 8, 0, 0, 0, 0, 0, 0, 3), stream, trailer]));
}
