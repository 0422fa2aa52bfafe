import { readFileSync } from 'node:fs';
import { inflateRawSync } from 'node:zlib';
import { inflateSync } from 'fflate';
import { checkDeflate } from '../../lib/codec/checkDeflate.js';
import { nativeCompressor, portableCompressor } from '../../lib/codec/compressor.js';
import { gunzip } from '../../lib/codec/gzipMember.js';
import { memberOf } from './gzip/memberOf.js';

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

/** Some of the streams have bytes after their end. */
function withoutRest(stream: Uint8Array): Uint8Array {
  const { engine } = inflateRawSync(stream, { info: true }) as unknown as { readonly engine: { readonly bytesWritten: number } };
  return stream.subarray(0, engine.bytesWritten);
}

describe.each([
  ['fflate', portableCompressor],
  ['zlib', nativeCompressor()!],
])('published vectors, and the compressor of %s', (_, compressor) => {
  it.each(named(vectors.streams))('reads %s', (_name, vector) => {
    const { length, crc32 } = vector.content;
    const stream = withoutRest(bytesOf(vector));
    expect(gunzip(compressor, memberOf(stream, length, crc32), length)).toHaveLength(length);
    expect(() => gunzip(compressor, memberOf(stream, length, crc32 ^ 1), length)).toThrow('a wrong checksum');
    for (const other of [length - 1, length + 1].filter((size) => size >= 0)) expect(() => compressor.inflate(stream, other)).toThrow();
    if (stream.length < bytesOf(vector).length) expect(() => compressor.inflate(bytesOf(vector), length)).toThrow('bytes after the end');
    for (let cut = 0; cut < stream.length; cut++) expect(() => compressor.inflate(stream.subarray(0, cut), length)).toThrow();
  });

  it.each(named(vectors.brokenStreams))('refuses %s', (_name, vector) => {
    // The reason is not its size.
    expect(() => compressor.inflate(bytesOf(vector), 600)).toThrow(/^(?!a wrong size|bytes after)/);
  });

  it.each(named(vectors.members))('reads %s', (_name, vector) => {
    expect(gunzip(compressor, bytesOf(vector), 0)).toEqual(new Uint8Array());
  });

  it.each(named(vectors.brokenMembers))('refuses %s', (_name, vector) => {
    expect(() => gunzip(compressor, bytesOf(vector), 0)).toThrow();
  });

  it.each(Object.entries(vectors.checksums))('sums up %p', (text, checksum) => {
    expect(compressor.crc32(new TextEncoder().encode(text))).toBe(checksum);
  });
});

it('fflate alone reads a stored block with a wrong copy of its length', () => {
  const stream = Uint8Array.of(1, 3, 0, 255, 255, 97, 98, 99);
  expect(inflateSync(stream)).toEqual(Uint8Array.of(97, 98, 99));
  expect(() => inflateRawSync(stream)).toThrow();
  expect(() => checkDeflate(stream, 3)).toThrow('an invalid size of a block');
});
