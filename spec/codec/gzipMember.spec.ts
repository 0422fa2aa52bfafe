import { constants, crc32, deflateRawSync, gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { inflateSync } from 'fflate';
import { type Level, nativeCompressor, portableCompressor } from '../../lib/codec/compressor.js';
import { gunzip, gzip } from '../../lib/codec/gzipMember.js';
import { seeded } from '../support/seeded.js';
import { memberOf } from './gzip/memberOf.js';
import { mutations } from './mutations.js';

const MEBIBYTE = 1024 * 1024;
const compressors = { zlib: nativeCompressor()!, fflate: portableCompressor };
const LEVELS: readonly Level[] = [1, 2, 3, 4, 5, 6, 7, 8, 9];

interface Inflated {
  readonly buffer: Uint8Array;
  readonly engine: { readonly bytesWritten: number };
}

function readByZlib(bytes: Uint8Array): Uint8Array | undefined {
  try {
    const { buffer, engine } = gunzipSync(bytes, { info: true, maxOutputLength: MEBIBYTE }) as unknown as Inflated;
    const size = new DataView(bytes.buffer, bytes.byteOffset).getUint32(bytes.length - 4, true);
    return engine.bytesWritten === bytes.length && buffer.length === size ? buffer : undefined;
  } catch {
    return undefined;
  }
}

/** The content of one member as zlib reads it; undefined if zlib refuses the bytes, or reads several members. */
function contentByZlib(bytes: Uint8Array): string | undefined {
  const content = readByZlib(bytes);
  for (let at = bytes.indexOf(31, 1); content && at > 0; at = bytes.indexOf(31, at + 1))
    if (bytes[at + 1] === 139 && readByZlib(bytes.subarray(0, at))) return undefined;
  return content && Buffer.from(content).toString('hex');
}

function contentBy(compressor: typeof portableCompressor, bytes: Uint8Array): string | undefined {
  try {
    return Buffer.from(gunzip(compressor, bytes, MEBIBYTE)).toString('hex');
  } catch {
    return undefined;
  }
}

const random = seeded(1);
const below = (limit: number): number => Math.floor(random() * limit);

/** A header with each combination of what it may have. */
function header(): Uint8Array {
  const flags = below(32);
  const extra = below(300);
  const parts = [Buffer.of(31, 139, 8, flags, below(256), below(256), below(256), below(256), below(256), below(256))];
  if (flags & 4) parts.push(Buffer.of(extra & 255, extra >> 8), Buffer.alloc(extra, below(256)));
  for (const flag of [8, 16]) if (flags & flag) parts.push(Buffer.alloc(below(20), 1 + below(255)), Buffer.of(0));
  const checksum = crc32(Buffer.concat(parts));
  if (flags & 2) parts.push(Buffer.of(checksum & 255, (checksum >> 8) & 255));
  return Buffer.concat(parts);
}

const { Z_DEFAULT_STRATEGY, Z_FILTERED, Z_HUFFMAN_ONLY, Z_RLE, Z_FIXED } = constants;
const strategies = [Z_DEFAULT_STRATEGY, Z_FILTERED, Z_HUFFMAN_ONLY, Z_RLE, Z_FIXED];
/** Streams with each kind of block and code: short ones, in which a change hits the descriptions of codes. */
const streams = Array.from({ length: 300 }, (_, index) => {
  const size = [0, 1, 5, 30, 300][index % 5]!;
  const kinds = [() => below(256), () => 97 + below(4), (at: number) => (at * 7) % 50];
  const content = Uint8Array.from({ length: size }, (_value, at) => kinds[index % 3]!(at));
  return [content, deflateRawSync(content, { level: below(10), memLevel: 1 + below(9), strategy: strategies[below(5)]! })] as const;
});
const members = streams.map(([content, stream]) => {
  const plain = memberOf(stream, content.length, crc32(content));
  return new Uint8Array(Buffer.concat([header(), plain.subarray(10)]));
});

describe.each(Object.entries(compressors))('a gzip member, by %s', (_, compressor) => {
  it('is accepted or refused as zlib does, with the same content: 1,000 mutated members', () => {
    let accepted = 0;
    for (const member of [...members, ...mutations(members, 1_000)] as Uint8Array[]) {
      const expected = contentByZlib(member);
      if (expected !== undefined) accepted++;
      if (contentBy(compressor, member) !== expected) throw new Error(`not as zlib: ${Buffer.from(member).toString('hex')}`);
    }
    expect(accepted).toBeGreaterThan(50);
  });

  it('is accepted or refused as zlib does, with a checksum that is right for fflate: 1,000 changed streams', () => {
    let lenient = 0;
    for (let run = 0; run < 1_000; run++) {
      const stream = new Uint8Array(streams[below(streams.length)]![1]);
      for (let changes = below(2); changes >= 0; changes--) stream[below(Math.min(stream.length, 1 + below(40)))]! ^= 1 << below(8);
      let content: Uint8Array;
      try {
        content = inflateSync(stream);
      } catch {
        content = new Uint8Array();
      }
      const member = memberOf(stream, content.length, crc32(content));
      const expected = contentByZlib(member);
      if (expected === undefined && content.length > 0) lenient++;
      if (contentBy(compressor, member) !== expected) throw new Error(`not as zlib: ${Buffer.from(member).toString('hex')}`);
    }
    expect(lenient).toBeGreaterThan(50);
  });

  it('is cut at each byte: refused', () => {
    for (const member of members.slice(0, 30))
      for (let length = 0; length < member.length; length++) expect(contentBy(compressor, member.subarray(0, length))).toBeUndefined();
  });

  it.each([
    ['with content', ['a', 'b']],
    ['without content', ['', '']],
    ['first without content', ['', 'a']],
    ['last without content', ['a', '']],
  ])('refuses two members, %s', (_name, contents) => {
    expect(contentBy(compressor, Buffer.concat(contents.map((content) => gzipSync(content))))).toBeUndefined();
  });

  it('refuses a declared size above the limit before it reads the content', () => {
    const member = memberOf(Uint8Array.of(3, 0), 2 ** 30, 0);
    expect(() => gunzip(compressor, member, MEBIBYTE)).toThrow('more than 1048576 bytes');
    const before = process.memoryUsage().arrayBuffers;
    expect(() => gunzip(compressor, member, 2 ** 31)).toThrow('a wrong size');
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(65_536);
  });

  const content = fc.oneof(
    fc.uint8Array({ maxLength: 2_000 }),
    fc
      .array(fc.constantFrom('{"id":', '"a"', ',', '}', 'hello'), { maxLength: 2_000 })
      .map((words) => new TextEncoder().encode(words.join(''))),
  );

  it.each(Object.entries(compressors))('is read by zlib and by %s, at each level', (_name, other) => {
    fc.assert(
      fc.property(content, fc.constantFrom(...LEVELS), (bytes, level) => {
        const member = gzip(compressor, bytes, level);
        expect(new Uint8Array(gunzipSync(member))).toEqual(bytes);
        expect(gunzip(other, member, bytes.length)).toEqual(bytes);
      }),
    );
  });

  it.each([
    ['nothing', new Uint8Array()],
    ['a byte', Uint8Array.of(7)],
    ['a mebibyte of zeros', new Uint8Array(MEBIBYTE)],
    ['a mebibyte of text', Buffer.alloc(MEBIBYTE, 'a line of a log, as programs print them\n')],
    ['a mebibyte of noise', Uint8Array.from({ length: MEBIBYTE }, () => below(256))],
  ])('carries %s in both directions', (_name, bytes) => {
    for (const level of [1, 9] as const) {
      expect(gunzipSync(gzip(compressor, bytes, level)).equals(bytes)).toBe(true);
      expect(Buffer.compare(gunzip(compressor, gzipSync(bytes, { level }), MEBIBYTE), bytes)).toBe(0);
    }
  });
});

it('fflate reads whatever encoders write: small blocks, long codes, flushed often', () => {
  const text = Array.from({ length: 4_000 }, (_, line) => `${line.toString(36)} ${Math.sin(line)} ${'x'.repeat(line % 9)}\n`).join('');
  // Frequencies that grow as the Fibonacci numbers: codes of 15 bits, in blocks that are as small as possible.
  const skewed = Array.from({ length: 20 }, (_, letter) => String.fromCharCode(97 + letter).repeat(Math.round(1.618 ** letter))).join('');
  const shuffled = Array.from(skewed, (letter) => ({ letter, key: random() })).sort((one, other) => one.key - other.key);
  for (const content of [text, shuffled.map(({ letter }) => letter).join('')].map((one) => Buffer.from(one)))
    for (const memLevel of [1, 5, 9])
      for (const strategy of strategies)
        for (const level of [1, 9]) {
          const member = gzipSync(content, { level, memLevel, strategy });
          expect(Buffer.compare(gunzip(portableCompressor, member, MEBIBYTE), content)).toBe(0);
        }
});

it('fflate takes no more time for a bomb of 64 MiB than for the size that it declares', () => {
  const bomb = gzipSync(new Uint8Array(64 * MEBIBYTE), { level: 9 });
  bomb.writeUInt32LE(1_000, bomb.length - 4);
  const times = Array.from({ length: 5 }, () => {
    // The time of this process: others use the machine, too.
    const start = process.cpuUsage();
    expect(() => gunzip(portableCompressor, bomb, MEBIBYTE)).toThrow('a wrong size');
    return process.cpuUsage(start).user / 1_000;
  });
  expect(Math.min(...times)).toBeLessThan(5);
});
