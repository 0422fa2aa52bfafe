import { readFileSync } from 'node:fs';
import { inflateRawSync } from 'node:zlib';
import { nativeCompressor, webCompressor } from '../../lib/codec/compressor.js';
import { soon } from '../support/places.js';
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
  ['browsers', webCompressor()!],
  ['Node', nativeCompressor()!],
])('published vectors, and the compressor of %s', (_, { gzip, gunzip }) => {
  it.each(named(vectors.streams))('reads %s', async (_name, vector) => {
    const { length, crc32 } = vector.content;
    const member = memberOf(withoutRest(bytesOf(vector)), length, crc32);
    expect(await soon(() => gunzip(member, length))).toHaveLength(length);
    await expect(soon(() => gunzip(memberOf(withoutRest(bytesOf(vector)), length, crc32 ^ 1), length))).rejects.toThrow();
  });

  it.each(named(vectors.brokenStreams))('refuses %s', async (_name, vector) => {
    await expect(soon(() => gunzip(memberOf(bytesOf(vector), 258, 0), 258))).rejects.toThrow();
  });

  it.each(named(vectors.members))('reads %s', async (_name, vector) => {
    expect(await soon(() => gunzip(bytesOf(vector), 0))).toEqual(new Uint8Array());
  });

  it.each(named(vectors.brokenMembers))('refuses %s', async (_name, vector) => {
    await expect(soon(() => gunzip(bytesOf(vector), 0))).rejects.toThrow();
  });

  it.each(Object.entries(vectors.checksums))('sums up %p', async (text, checksum) => {
    const member = await soon(() => gzip(new TextEncoder().encode(text), 1));
    expect(Buffer.from(member).readUInt32LE(member.length - 8)).toBe(checksum);
  });
});
