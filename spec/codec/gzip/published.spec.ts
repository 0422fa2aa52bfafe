import { readFileSync } from 'node:fs';
import { crc32 } from '../../../lib/codec/gzip/crc32.js';
import { inflate } from '../../../lib/codec/gzip/inflate.js';
import { readGzipMember } from '../../../lib/codec/gzip/gzipMember.js';
import { nativeCompressor } from '../../../lib/codec/gzip/nativeCompressor.js';
import { portableCompressor } from '../../../lib/codec/gzip/compressor.js';
import { gzipped } from '../../../lib/codec/gzipped.js';
import type { PlainCodec } from '../../../lib/codec/codec.js';
import { DecodeError } from '../../../lib/errors.js';
import { createMessage } from '../../../lib/message/createMessage.js';

interface Vector {
  readonly name: string;
  readonly hex: string;
}

interface Vectors {
  readonly streams: readonly (Vector & { readonly content: { readonly length: number; readonly crc32: number } })[];
  readonly brokenStreams: readonly Vector[];
  readonly members: readonly Vector[];
  readonly brokenMembers: readonly Vector[];
  readonly checksums: Readonly<Record<string, number>>;
}

/** What zlib, the reference of RFC 1951 and 1952, checks itself with; and 123456789, with which catalogs tell kinds of CRC apart. */
const vectors = JSON.parse(readFileSync('spec/vectors/gzip.json', 'utf8')) as Vectors;
const bytesOf = ({ hex }: Vector): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));
const named = <T extends Vector>(list: readonly T[]) => list.map((vector) => [`${vector.name}: ${vector.hex}`, vector] as const);

/** Its payload is its frame. */
const bytes: PlainCodec = {
  name: 'bytes',
  binary: true,
  encode: ([message]) => message!.payload as Uint8Array,
  decode: (frame) => [createMessage('a', frame)],
};
const unzip = (vector: Vector): unknown => gzipped(bytes).decode(bytesOf(vector));

describe.each([
  ['ours', portableCompressor],
  ['that of Node', nativeCompressor()!],
])('published vectors, and inflate: %s', (_, zip) => {
  it.each(named(vectors.streams))('reads %s', (_name, vector) => {
    const { content } = zip.inflate(bytesOf(vector), vector.content.length);
    expect(content).toHaveLength(vector.content.length);
    expect(zip.crc32(content)).toBe(vector.content.crc32);
  });

  it.each(named(vectors.brokenStreams))('refuses %s', (_name, vector) => {
    expect(() => zip.inflate(bytesOf(vector), 258)).toThrow();
  });

  it.each(Object.entries(vectors.checksums))('sums up %p', (text, checksum) => {
    expect(zip.crc32(new TextEncoder().encode(text))).toBe(checksum);
  });
});

describe('published vectors, and members', () => {
  it.each(named(vectors.members))('reads %s', (_, vector) => {
    expect(unzip(vector)).toMatchObject([{ payload: new Uint8Array() }]);
    const { body, size } = readGzipMember(bytesOf(vector), crc32);
    expect(inflate(body, size).content).toEqual(new Uint8Array());
  });

  it.each(named(vectors.brokenMembers))('refuses %s', (_, vector) => {
    expect(() => unzip(vector)).toThrow(DecodeError);
  });
});
