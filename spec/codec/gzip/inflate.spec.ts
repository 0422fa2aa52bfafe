import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { inflate } from '../../../lib/codec/gzip/inflate.js';
import { describingBlocks } from './blocks.js';

const strategies = ['Z_DEFAULT_STRATEGY', 'Z_FILTERED', 'Z_HUFFMAN_ONLY', 'Z_RLE', 'Z_FIXED'] as const;
const deflated = fc
  .record({
    pieces: fc.array(
      fc.oneof(
        fc.uint8Array({ maxLength: 300 }),
        fc.string({ maxLength: 300 }).map((text) => Buffer.from(text)),
      ),
    ),
    times: fc.integer({ min: 1, max: 40 }),
    level: fc.integer({ min: 0, max: 9 }),
    strategy: fc.constantFrom(...strategies),
    memLevel: fc.integer({ min: 1, max: 9 }),
  })
  .map(({ pieces, times, strategy, ...options }) => {
    const content = Buffer.concat(Array.from({ length: times }, () => pieces).flat());
    return { content, stream: deflateRawSync(content, { ...options, strategy: constants[strategy] }) };
  });

/** What zlib says of a stream that should hold so many bytes. */
function judged(stream: Uint8Array, size: number): { readonly content: Uint8Array; readonly end: number } | undefined {
  try {
    const { buffer, engine } = inflateRawSync(stream, { info: true, maxOutputLength: Math.max(1, size) }) as unknown as {
      readonly buffer: Buffer;
      readonly engine: { readonly bytesWritten: number };
    };
    return buffer.length === size ? { content: new Uint8Array(buffer), end: engine.bytesWritten } : undefined;
  } catch {
    return undefined;
  }
}

function ours(stream: Uint8Array, size: number): ReturnType<typeof judged> {
  try {
    return inflate(stream, size);
  } catch {
    return undefined;
  }
}

describe('inflate', () => {
  it('reads all that zlib writes, and says where it ends', () => {
    fc.assert(
      fc.property(deflated, fc.uint8Array({ maxLength: 5 }), ({ content, stream }, rest) => {
        expect(inflate(Buffer.concat([stream, rest]), content.length)).toEqual({ content: new Uint8Array(content), end: stream.length });
      }),
    );
  });

  it('accepts what zlib accepts, and nothing else', () => {
    const change = fc.record({ at: fc.nat(), byte: fc.nat(255), cut: fc.nat(3) });
    fc.assert(
      fc.property(deflated, fc.array(change, { minLength: 1, maxLength: 3 }), ({ content, stream }, changes) => {
        const broken = new Uint8Array(stream);
        for (const { at, byte } of changes) broken[at % broken.length] = byte;
        const cut = broken.subarray(0, broken.length - (changes[0]?.cut ?? 0));
        expect(ours(cut, content.length)).toEqual(judged(cut, content.length));
      }),
      { numRuns: 500 },
    );
  });

  it('accepts what zlib accepts, of a few bytes of any kind', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.nat(64), (stream, size) => {
        expect(ours(stream, size)).toEqual(judged(stream, size));
      }),
      { numRuns: 500 },
    );
  });

  it('allocates no more than the stream can contain, at any limit', () => {
    const before = process.memoryUsage().arrayBuffers;
    expect(() => inflate(Uint8Array.of(3, 0), 2 ** 30)).toThrow('a wrong size');
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(65_536);
  });

  it('is not kept busy by blocks that are empty', () => {
    for (const length of [60_000, 1_000_000]) {
      const stream = describingBlocks(length);
      expect(judged(stream, 0)).toBeDefined();
      const times = [1, 2, 3, 4].map(() => {
        // Of our own work: others use the machine, too.
        const start = process.cpuUsage();
        expect(inflate(stream, 0).end).toBe(stream.length);
        return process.cpuUsage(start).user / 1_000;
      });
      expect(Math.min(...times)).toBeLessThan(length < 65_536 ? 100 : 2_000);
    }
  });
});
