import { spawnSync } from 'node:child_process';
import { deflateRawSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import type { PlainCodec } from '../../lib/codec/codec.js';
import { crc32 } from '../../lib/codec/gzip/crc32.js';
import { nativeCompressor } from '../../lib/codec/gzip/nativeCompressor.js';
import { portableCompressor, type Level } from '../../lib/codec/gzip/compressor.js';
import { gzipped, gzippedWith, type GzipOptions } from '../../lib/codec/gzipped.js';
import { json } from '../../lib/codec/json.js';
import { msgpack } from '../../lib/codec/msgpack.js';
import { DecodeError, EncodeError } from '../../lib/errors.js';
import { createMessage } from '../../lib/message/createMessage.js';
import { codecContract } from './contract.js';
import { sample } from './messages.js';

const MEBIBYTE = 1024 * 1024;
const zips = { zlib: nativeCompressor()!, fflate: portableCompressor };
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
const frameOf = (codec: PlainCodec): Uint8Array => codec.encode([createMessage('a', 'hello '.repeat(1_000))]) as Uint8Array;
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

describe.each(Object.entries(zips))('gzipped, by %s', (_, zip) => {
  const by = (codec: PlainCodec, options: GzipOptions = {}): PlainCodec => gzippedWith(zip, codec, options);
  const good = frameOf(by(msgpack()));
  const decode = (frame: Uint8Array): string => reasonOf(() => by(msgpack()).decode(frame));

  describe.each(Object.entries(codecs))('around %s', (_, makeCodec) => {
    const large = [createMessage('a', 'hello '.repeat(1_000))];
    const around = (frame: string | Uint8Array): Uint8Array => gzipSync(frame);
    codecContract((options) => by(makeCodec(options), { threshold: 0 }), {
      payload,
      carries: makeCodec().name === 'msgpack' ? ['a Map', 'a Set'] : [],
      mutations: 1_000,
      hostile: {
        'a frame of the other kind': () => (makeCodec().binary ? '[]' : Uint8Array.of(0x90)),
        'a magic number': () => Uint8Array.of(31),
        'a header': () => good.subarray(0, 10),
        'nothing, compressed': () => around(''),
        'not UTF-8, and no batch': () => around(Uint8Array.of(0xc1, 0xff)),
        'what is compressed twice': () => around(by(makeCodec()).encode(large)),
      },
      foreign: { 'a text for a message': () => around(makeCodec().binary ? Uint8Array.of(0x91, 0xa1, 0x61) : '["a"]') },
      heavy: {
        'a mebibyte of text': () => by(makeCodec(), { maxSize: 2 * MEBIBYTE }).encode([createMessage('a', 'x'.repeat(MEBIBYTE - 200))]),
      },
    });

    it('does not compress small frames', () => {
      expect(by(makeCodec()).encode([sample()])).toEqual(makeCodec().encode([sample()]));
    });

    it('compresses from the threshold on', () => {
      const plain = makeCodec().encode(large);
      expect(by(makeCodec(), { threshold: plain.length + 1 }).encode(large)).toEqual(plain);
      const packed = by(makeCodec(), { threshold: plain.length }).encode(large);
      expect(packed[0]).toBe(31);
      expect(packed.length).toBeLessThan(plain.length / 10);
    });

    it('reports its name and kind', () => {
      expect(by(makeCodec()).name).toBe(`${makeCodec().name}+gzip`);
      expect(by(makeCodec()).binary).toBe(makeCodec().binary || undefined);
    });

    it.each(Object.entries(zips))('is read by %s', (_, other) => {
      const levels: readonly Level[] = [1, 6, 9];
      for (const level of levels) {
        expect(gzippedWith(other, makeCodec(), {}).decode(by(makeCodec(), { level }).encode(large))).toEqual(large);
      }
    });
  });

  it('writes frames that the program gzip reads, and reads frames of gzip', () => {
    const content = new TextEncoder().encode('hello world\n'.repeat(200));
    const { stdout } = spawnSync('gzip', ['-dc'], { input: by(bytes).encode([createMessage('a', content)]) });
    expect(new Uint8Array(stdout)).toEqual(content);
    const { stdout: packed } = spawnSync('gzip', ['-c'], { input: content });
    expect(by(bytes).decode(packed)[0]?.payload).toEqual(content);
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
  ])('reads a member %s', (_, hex, content) => {
    const [before = '', after] = hex.replaceAll(' ', '').split('checksum');
    const header = Buffer.from(before, 'hex');
    const checksum = Buffer.of(crc32(header) & 0xff, (crc32(header) >> 8) & 0xff);
    const member = after === undefined ? header : Buffer.concat([header, checksum, Buffer.from(after, 'hex')]);
    expect(by(bytes).decode(member)[0]?.payload).toEqual(new Uint8Array(Buffer.from(content)));
  });

  it('refuses a decompression bomb of 31 bytes, and allocates nothing for it', () => {
    const bomb = Uint8Array.of(
      31,
      139,
      8,
      0,
      0,
      0,
      0,
      0,
      0,
      3,
      0xed,
      0xc1,
      1,
      1,
      0,
      0,
      0,
      0x80,
      0x90,
      0xfe,
      0xaf,
      0xee,
      8,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0x40,
    );
    expect(bomb).toHaveLength(31);
    const before = process.memoryUsage().arrayBuffers;
    expect(decode(bomb)).toBe('cannot inflate: more than 1048576 bytes');
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(65_536);
  });

  it('refuses a decompression bomb that lies about its size', () => {
    const bomb = gzipSync(new Uint8Array(16 * MEBIBYTE));
    for (const size of [0, 1, 100, MEBIBYTE]) {
      bomb.writeUInt32LE(size, bomb.length - 4);
      const before = process.memoryUsage().arrayBuffers;
      expect(decode(bomb)).toMatch(/^cannot inflate/);
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4 * MEBIBYTE);
    }
  });

  it.each([
    ['a bad CRC', () => withByte(good, good.length - 8, good[good.length - 8]! ^ 1), 'a wrong checksum'],
    ['a size that is too small', () => withByte(good, good.length - 4, good[good.length - 4]! - 1), /./],
    ['a size that is too large', () => withByte(good, good.length - 4, good[good.length - 4]! + 1), 'a wrong size'],
    ['trailing bytes', () => Buffer.concat([good, Buffer.of(0)]), /./],
    ['trailing bytes before the checksum', () => Buffer.concat([good.slice(0, -8), Buffer.of(0), good.slice(-8)]), 'bytes after the end'],
    ['a second member', () => Buffer.concat([good, good]), 'bytes after the end'],
    ['a reserved flag', () => withByte(good, 3, 0x20), 'a reserved flag'],
    [
      'a wrong checksum of the header',
      () => Buffer.concat([good.slice(0, 3), Buffer.of(2), good.slice(4, 10), Buffer.of(0, 0), good.slice(10)]),
      'a wrong checksum of the header',
    ],
    ['a name without an end', () => Buffer.concat([good.slice(0, 3), Buffer.of(8), good.slice(4, 10), Buffer.from('abc')]), 'truncated'],
    ['another method', () => withByte(good, 2, 7), 'not gzip'],
  ])('refuses %s', (_, makeFrame, reason) => {
    const frame = makeFrame();
    expect(decode(frame)).not.toBe('accepted');
    expect(decode(frame)).toMatch(reason);
  });

  it('refuses a truncated frame, wherever it is cut', () => {
    for (let length = 1; length < good.length; length++) expect(decode(good.subarray(0, length))).not.toBe('accepted');
  });

  it('refuses content that is no UTF-8, where the codec makes text', () => {
    const frame = gzipSync(Buffer.concat([Buffer.from('"'), Buffer.of(0xff), Buffer.from('"')]));
    expect(reasonOf(() => by(json()).decode(frame))).toBe('the text is not UTF-8');
  });
});

describe('gzipped', () => {
  it('carries bytes that begin as its own do', () => {
    for (const first of [0, 31]) {
      const content = Uint8Array.of(first, 139, 8);
      const frame = gzipped(bytes).encode([createMessage('a', content)]);
      expect(gzipped(bytes).decode(frame)[0]?.payload).toEqual(content);
    }
  });

  it('does not compress frames that would not become smaller', () => {
    const noise = deflateRawSync(Buffer.from(Array.from({ length: 5_000 }, (_, index) => Math.sin(index) * 1e9)));
    const batch = [createMessage('a', new Uint8Array(noise))];
    expect(gzipped(msgpack()).encode(batch)).toEqual(msgpack().encode(batch));
  });

  it('compresses messages that say that they are compressed, where that makes them smaller', () => {
    const said = createMessage('a', 'x'.repeat(5_000), { metadata: { compressed: true } });
    const frame = gzipped(json()).encode([said]);
    expect(frame[0]).toBe(31);
    expect(gzipped(json()).decode(frame)).toEqual([said]);
  });

  it('keeps maxSize, both ways', () => {
    const batch = [createMessage('a', 'x'.repeat(5_000))];
    const size = msgpack().encode(batch).length;
    const frame = gzipped(msgpack()).encode(batch);
    expect(gzipped(msgpack(), { maxSize: size }).decode(frame)).toEqual(batch);
    expect(() => gzipped(msgpack(), { maxSize: size - 1 }).decode(frame)).toThrow(DecodeError);
    expect(gzipped(msgpack(), { maxSize: size }).encode(batch)).toEqual(frame);
    expect(() => gzipped(msgpack(), { maxSize: size - 1 }).encode(batch)).toThrow(EncodeError);
  });

  it.each([
    [{ threshold: -1 }, '"threshold" must be >= 0, got -1'],
    [{ maxSize: 0 }, '"maxSize" must be > 0, got 0'],
    [{ level: 0 as Level }, '"level" must be 1 to 9, got 0'],
  ])('refuses %j when called', (options, message) => {
    expect(() => gzipped(json(), options)).toThrow(new RangeError(`gzipped: ${message}`));
  });

  it('goes without zlib where there is none', () => {
    const { process } = globalThis;
    Object.defineProperty(globalThis, 'process', { value: undefined, configurable: true });
    try {
      expect(nativeCompressor()).toBeUndefined();
      expect(gzipped(json()).decode(frameOf(gzipped(json())))).toHaveLength(1);
    } finally {
      Object.defineProperty(globalThis, 'process', { value: process, configurable: true });
    }
  });
});

it('crc32 gives the check value of its catalogue', () => {
  for (const zip of Object.values(zips)) expect(zip.crc32(new TextEncoder().encode('123456789'))).toBe(0xcbf43926);
});
