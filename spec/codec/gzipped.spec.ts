import { spawnSync } from 'node:child_process';
import { crc32, deflateRawSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import type { Codec, PlainCodec } from '../../lib/codec/codec.js';
import { type Level, nativeCompressor, portableCompressor } from '../../lib/codec/compressor.js';
import { gzipped, gzippedWith, type GzipOptions } from '../../lib/codec/gzipped.js';
import { json } from '../../lib/codec/json.js';
import { msgpack } from '../../lib/codec/msgpack.js';
import { DecodeError, EncodeError, InvalidMessageError } from '../../lib/message/errors.js';
import { createMessage } from '../../lib/message/createMessage.js';
import { placed } from '../support/places.js';
import { withoutNode } from '../support/withoutNode.js';
import { codecContract } from './contract.js';
import { describingBlocks } from './gzip/blocks.js';
import { memberOf } from './gzip/memberOf.js';
import { messages, sample } from './messages.js';
import { mutations } from './mutations.js';

const MEBIBYTE = 1024 * 1024;
const compressors = { zlib: nativeCompressor()!, fflate: portableCompressor };
const codecs = { json, msgpack };
const payload = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc.string({ maxLength: 20 }).map((text) => text.repeat(100)),
);
/** One that hands bytes on as they are: what it gets is what was inflated. */
const bytes: PlainCodec = {
  name: 'bytes',
  binary: true,
  encode: ([message]) => message!.payload as Uint8Array,
  decode: (frame) => [createMessage('bytes', frame)],
};
const large = [createMessage('a', 'hello '.repeat(1_000))];
const frameOf = (codec: PlainCodec): Uint8Array => codec.encode(large) as Uint8Array;
const withByte = (frame: Uint8Array, at: number, byte: number): Uint8Array => frame.map((old, index) => (index === at ? byte : old));
const reasonOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof DecodeError) return error.reason;
    throw error;
  }
  return 'accepted';
};
describe.each(Object.entries(codecs))('gzipped around %s', (_, makeCodec) => {
  const by = (options: GzipOptions = {}): PlainCodec => gzipped(makeCodec(), options);
  const good = frameOf(gzipped(msgpack()));
  const around = (frame: string | Uint8Array): Uint8Array => gzipSync(frame);
  codecContract((options) => gzipped(makeCodec(options), { threshold: 0 }), {
    payload,
    carries: makeCodec().name === 'msgpack' ? ['a Map', 'a Set'] : [],
    mutations: 1_000,
    hostile: {
      'a frame of the other kind': () => (makeCodec().binary ? '[]' : Uint8Array.of(0x90)),
      'a magic number': () => Uint8Array.of(31),
      'a header': () => good.subarray(0, 10),
      'nothing, compressed': () => around(''),
      'not UTF-8, and no batch': () => around(Uint8Array.of(0xc1, 0xff)),
      'what is compressed twice': () => around(by().encode(large)),
    },
    foreign: { 'a text for a message': () => around(makeCodec().binary ? Uint8Array.of(0x91, 0xa1, 0x61) : '["a"]') },
    heavy: {
      'a mebibyte of text': () => by({ maxSize: 2 * MEBIBYTE }).encode([createMessage('a', 'x'.repeat(MEBIBYTE - 200))]),
    },
  });

  it('does not compress small frames', () => {
    expect(by().encode([sample()])).toEqual(makeCodec().encode([sample()]));
  });

  it.each([
    [1_023, false],
    [1_024, true],
  ])('compresses from 1,024 bytes on by default: %d bytes, %s', (size, isCompressed) => {
    const inner = { name: 'bytes', binary: true, encode: () => new Uint8Array(size), decode: () => [] };
    expect(gzipped(inner).encode([]).length < size).toBe(isCompressed);
  });

  it('compresses from the threshold on', () => {
    const plain = makeCodec().encode(large);
    expect(by({ threshold: plain.length + 1 }).encode(large)).toEqual(plain);
    const packed = by({ threshold: plain.length }).encode(large);
    expect(packed[0]).toBe(31);
    expect(packed.length).toBeLessThan(plain.length / 10);
  });

  it('reports its name and kind', () => {
    expect(by().name).toBe(`${makeCodec().name}+gzip`);
    expect(by().binary).toBe(makeCodec().binary || undefined);
  });
});

describe.each(Object.entries(compressors))('gzipped, by %s', (_, compressor) => {
  const by = (codec: PlainCodec, options: GzipOptions = {}): PlainCodec => placed(gzippedWith(compressor, codec, options));
  const good = frameOf(gzipped(msgpack()));
  const contentOf = (member: Uint8Array): unknown => by(bytes).decode(member)[0]?.payload;
  const decode = (frame: Uint8Array): string => reasonOf(() => by(msgpack()).decode(frame));

  it.each(Object.entries(compressors))('is read by %s', (_name, other) => {
    const levels: readonly Level[] = [1, 6, 9];
    for (const codec of [json(), msgpack()]) {
      for (const level of levels) {
        const frame = by(codec, { level }).encode(large);
        expect(frame[0]).toBe(31);
        expect(placed(gzippedWith(other, codec, {})).decode(frame)).toEqual(large);
      }
    }
  });

  it('decodes to the encoded messages', () => {
    fc.assert(
      fc.property(fc.array(messages(payload), { maxLength: 5 }), (batch) => {
        const frame = by(json(), { threshold: 0 }).encode(batch);
        expect(by(json()).decode(frame)).toEqual(batch);
      }),
    );
  });

  it('survives mutated frames', () => {
    const frames = fc.sample(fc.array(messages(payload), { minLength: 1, maxLength: 5 }), { numRuns: 50, seed: 1 });
    const compressed = frames.map((batch) => gzipped(json(), { threshold: 0 }).encode(batch));
    for (const frame of mutations(compressed, 1_000)) {
      try {
        by(json()).decode(frame);
      } catch (error) {
        if (!(error instanceof DecodeError || error instanceof InvalidMessageError)) throw error;
      }
    }
  });

  it('writes frames that the program gzip reads, and reads frames of gzip', () => {
    const content = new TextEncoder().encode('hello world\n'.repeat(200));
    const frame = by(bytes).encode([createMessage('a', content)]);
    const { stdout } = spawnSync('gzip', ['-dc'], { input: frame });
    expect(new Uint8Array(stdout)).toEqual(content);
    const { stdout: packed } = spawnSync('gzip', ['-c'], { input: content });
    expect(contentOf(packed)).toEqual(content);
  });

  it.each([
    ['of nothing', '1f8b0800000000000203 0300 00000000 00000000', ''],
    ['of a text', '1f8b0800000000000203 cb48cdc9c95728cf2fca49e10200 2d3b08af 0c000000', 'hello world\n'],
    [
      'with the name of a file',
      '1f8b0808c858134a0203 68656c6c6f2e74787400 cb48cdc9c95728cf2fca49e10200 2d3b08af 0c000000',
      'hello world\n',
    ],
    ['with all that a header can have', `1f8b081e000000000003 0300414243 6100 6300 checksum 0300 00000000 00000000`, ''],
    ['stored', '1f8b08000000000000ff 01 0c00 f3ff 68656c6c6f20776f726c640a 2d3b08af 0c000000', 'hello world\n'],
  ])('reads a member %s', (_name, hex, content) => {
    const [before = '', after] = hex.replaceAll(' ', '').split('checksum');
    const header = Buffer.from(before, 'hex');
    const checksum = Buffer.of(crc32(header) & 0xff, (crc32(header) >> 8) & 0xff);
    const member = after === undefined ? header : Buffer.concat([header, checksum, Buffer.from(after, 'hex')]);
    expect(contentOf(member)).toEqual(new Uint8Array(Buffer.from(content)));
  });

  it('refuses a decompression bomb of 31 bytes, and allocates nothing for it', () => {
    const bomb = new Uint8Array(Buffer.from('1f8b0800000000000003edc101010000008090feafee080000000000000040', 'hex'));
    expect(bomb).toHaveLength(31);
    const before = process.memoryUsage().arrayBuffers;
    expect(decode(bomb)).toBe('cannot inflate: more than 1048576 bytes');
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(65_536);
  });

  it('refuses a decompression bomb that lies about its size', () => {
    const bomb = gzipSync(new Uint8Array(64 * MEBIBYTE));
    for (const size of [0, 1, 100, MEBIBYTE]) {
      bomb.writeUInt32LE(size, bomb.length - 4);
      const before = process.memoryUsage().arrayBuffers;
      expect(decode(bomb)).toMatch(/^cannot inflate/);
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4 * MEBIBYTE);
    }
  });

  it('is not kept busy by blocks that do nothing but describe codes: fflate refuses many of them', () => {
    const isRefused = compressor === compressors.fflate;
    for (const length of [60_000, 1_000_000]) {
      const member = memberOf(describingBlocks(length), 0, 0);
      const times: number[] = [];
      for (let run = 0; run < 4; run++) {
        // Of our own work: others use the machine, too.
        const start = process.cpuUsage();
        if (isRefused) expect(decode(member)).toBe('cannot inflate: too many codes for its content');
        else expect(contentOf(member)).toEqual(new Uint8Array());
        times.push(process.cpuUsage(start).user / 1_000);
      }
      expect(Math.min(...times)).toBeLessThan(length < 65_536 ? 100 : 2_000);
    }
  });

  it.each([
    ['a bad CRC', () => withByte(good, good.length - 8, good[good.length - 8]! ^ 1)],
    ['a size that is too small', () => withByte(good, good.length - 4, good[good.length - 4]! - 1)],
    ['a size that is too large', () => withByte(good, good.length - 4, good[good.length - 4]! + 1)],
    ['trailing bytes', () => Buffer.concat([good, Buffer.of(0)])],
    ['trailing bytes before the checksum', () => Buffer.concat([good.slice(0, -8), Buffer.of(0), good.slice(-8)])],
    ['a second member', () => Buffer.concat([good, good])],
    ['a second member, behind one without content', () => Buffer.concat([gzipSync(''), good])],
    ['a reserved flag', () => withByte(good, 3, 0x20)],
    [
      'a wrong checksum of the header',
      () => Buffer.concat([good.slice(0, 3), Buffer.of(2), good.slice(4, 10), Buffer.of(0, 0), good.slice(10)]),
    ],
    ['a name without an end', () => Buffer.concat([good.slice(0, 3), Buffer.of(8), good.slice(4, 10), Buffer.from('abc')])],
    ['another method', () => withByte(good, 2, 7)],
  ])('refuses %s', (_name, makeFrame) => {
    expect(decode(makeFrame())).toMatch(/^cannot inflate: ./);
  });

  it('refuses a truncated frame, wherever it is cut', () => {
    for (let length = 1; length < good.length; length++) expect(decode(good.subarray(0, length))).toMatch(/^cannot inflate: ./);
  });

  it('refuses content that is no UTF-8, where the codec makes text', () => {
    const frame = gzipSync(Buffer.concat([Buffer.from('"'), Buffer.of(0xff), Buffer.from('"')]));
    expect(reasonOf(() => by(json()).decode(frame))).toBe('the text is not UTF-8');
  });

  it('carries bytes that begin as its own do', () => {
    for (const first of [0, 31]) {
      const content = Uint8Array.of(first, 139, 8);
      const frame = by(bytes).encode([createMessage('a', content)]);
      expect(contentOf(frame as Uint8Array)).toEqual(content);
    }
  });

  it('does not compress frames that would not become smaller', () => {
    const noise = deflateRawSync(Buffer.from(Array.from({ length: 5_000 }, (_, index) => Math.sin(index) * 1e9)));
    const batch = [createMessage('a', new Uint8Array(noise))];
    expect(by(msgpack()).encode(batch)).toEqual(msgpack().encode(batch));
  });

  it('compresses messages that say that they are compressed, where that makes them smaller', () => {
    const said = createMessage('a', 'x'.repeat(5_000), { metadata: { compressed: true } });
    const frame = by(json()).encode([said]);
    expect(frame[0]).toBe(31);
    expect(by(json()).decode(frame)).toEqual([said]);
  });

  it('keeps maxSize, both ways', () => {
    const batch = [createMessage('a', 'x'.repeat(5_000))];
    const size = msgpack().encode(batch).length;
    const [enough, less] = [by(msgpack(), { maxSize: size }), by(msgpack(), { maxSize: size - 1 })];
    const frame = by(msgpack()).encode(batch);
    expect(enough.decode(frame)).toEqual(batch);
    expect(() => less.decode(frame)).toThrow(DecodeError);
    expect(enough.encode(batch)).toEqual(frame);
    expect(() => less.encode(batch)).toThrow(EncodeError);
  });
});

describe('gzipped', () => {
  it.each([
    [{ threshold: -1 }, '"threshold" must be >= 0, got -1'],
    [{ maxSize: 0 }, '"maxSize" must be > 0, got 0'],
    [{ level: 0 as Level }, '"level" must be 1 to 9, got 0'],
  ])('refuses %j when called', (options, message) => {
    expect(() => gzipped(json(), options)).toThrow(new RangeError(`gzipped: ${message}`));
  });

  it('uses fflate where there is no zlib: the results are the same', () => {
    expect(withoutNode(nativeCompressor)).toBeUndefined();
    const [here, there] = [gzipped(json()), withoutNode(() => gzipped(json()))];
    expect(there.encode(large)).not.toEqual(here.encode(large));
    expect(there.decode(here.encode(large))).toEqual(large);
    expect(here.decode(there.encode(large))).toEqual(large);
    expect(there.encode([sample()])).toEqual(json().encode([sample()]));
  });

  it('is synchronous if its codec is', () => {
    const plain: PlainCodec = gzipped(msgpack());
    const codec: Codec = gzipped(msgpack());
    expect(plain.encode(large)).toEqual(codec.encode(large));
  });
});
