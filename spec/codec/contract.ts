import fc from 'fast-check';
import type { PlainCodec } from '../../lib/codec/codec.js';
import { DecodeError, EncodeError, InvalidMessageError } from '../../lib/message/errors.js';
import { createMessage } from '../../lib/message/createMessage.js';
import type { Message } from '../../lib/message/types.js';
import { faults, messages, nested, sample } from './messages.js';
import { mutations } from './mutations.js';

type Frame = string | Uint8Array;

export interface CodecContractOptions {
  /** Payloads that arrive as they are. */
  readonly payload: fc.Arbitrary<unknown>;
  /** Frames that are refused as such. */
  readonly hostile: Readonly<Record<string, () => Frame>>;
  /** Frames that can be decoded, to what is no message. */
  readonly foreign: Readonly<Record<string, () => Frame>>;
  /** Frames that are accepted, and as large and as much work as can be. */
  readonly heavy: Readonly<Record<string, () => Frame>>;
  /** Which of the faults it carries, all the same. @default none */
  readonly carries?: readonly string[];
  /** How many mutations of good frames are tried. @default 1_000 */
  readonly mutations?: number;
}

/**
 * How long a frame may take, in ms; the fastest of three runs, since others use the machine too. Alone, and outside of jest, a
 * mebibyte takes 0.1 s at most; what grows faster than its frame would take minutes.
 */
const maxTime = (frame: Frame): number => (frame.length < 65_536 ? 100 : 2_000);

/** Registers the tests that every codec passes. */
export function codecContract(
  makeCodec: (options?: { maxBatch?: number; maxDepth?: number }) => PlainCodec,
  options: CodecContractOptions,
): void {
  const { payload, hostile, foreign, heavy, carries = [], mutations: count = 1_000 } = options;
  const codec = makeCodec();

  describe('keeps the codec contract', () => {
    it('decodes to the encoded messages', () => {
      fc.assert(
        fc.property(fc.array(messages(payload), { maxLength: 5 }), (batch) => expect(codec.decode(codec.encode(batch))).toEqual(batch)),
      );
    });

    it('declares the kind of its frames', () => {
      const isBinary = codec.encode([sample()]) instanceof Uint8Array;
      expect(codec.binary ?? isBinary).toBe(isBinary);
      expect(typeof codec.encode([sample()])).toBe(isBinary ? 'object' : 'string');
    });

    it('encodes an empty batch', () => {
      expect(codec.decode(codec.encode([]))).toEqual([]);
    });

    it('makes null of a payload that is missing', () => {
      expect(codec.decode(codec.encode([createMessage('a', undefined)]))[0]?.payload).toBeNull();
    });

    it('decodes -0 as 0', () => {
      expect(codec.decode(codec.encode([createMessage('a', -0)]))[0]?.payload).toBe(0);
    });

    it('sends the fields of the envelope, and no others', () => {
      const [message] = codec.decode(codec.encode([{ ...sample(), admin: true } as Message]));
      expect(message).toEqual(sample());
    });

    it('keeps maxBatch, both ways', () => {
      const [two, three] = [2, 3].map((length) => Array.from({ length }, sample));
      const small = makeCodec({ maxBatch: 2 });
      expect(small.decode(small.encode(two!))).toEqual(two);
      expect(() => small.encode(three!)).toThrow(EncodeError);
      expect(() => small.decode(codec.encode(three!))).toThrow(DecodeError);
    });

    it('refuses a maxBatch that is not positive when called', () => {
      expect(() => makeCodec({ maxBatch: 0 })).toThrow(RangeError);
      expect(() => makeCodec({ maxBatch: 0 })).toThrow('"maxBatch" must be > 0, got 0');
    });

    it('carries 32 levels, and no more', () => {
      const deep = [createMessage('a', nested(32))];
      expect(codec.decode(codec.encode(deep))).toEqual(deep);
      expect(() => codec.encode([createMessage('a', nested(33))])).toThrow(EncodeError);
    });

    it.each([
      ['channel.publish', (payload: unknown) => ({ channel: 'c', message: createMessage('a', payload) })],
      ['channel.message', (payload: unknown) => ({ channel: 'c', epoch: 'e', offset: 1, message: createMessage('a', payload) })],
      [
        'channel.past',
        (payload: unknown) => ({ channel: 'c', entries: [{ epoch: 'e', offset: 1, message: createMessage('a', payload) }], more: false }),
      ],
      ['channel.update', (state: unknown) => ({ channel: 'c', state })],
      ['channel.presence', (state: unknown) => ({ channel: 'c', entered: [{ id: 'a', state }], left: [] })],
      ['batch', (payload: unknown) => ({ batchKey: 'k', messages: [createMessage('a', payload)], count: 1 })],
    ])('carries 32 levels within the envelope of %s, and no more', (type, envelope) => {
      const [deep, deeper] = [32, 33].map((levels) => createMessage(type, envelope(nested(levels))) as Message);
      expect(codec.decode(codec.encode([deep!]))).toEqual([deep]);
      expect(codec.decode(codec.encode([deep!, deep!]))).toEqual([deep, deep]);
      expect(() => codec.encode([deeper!])).toThrow(EncodeError);
      const lax = makeCodec({ maxDepth: 33 });
      expect(() => codec.decode(lax.encode([deeper!]))).toThrow(DecodeError);
      expect(() => codec.decode(lax.encode([deeper!, deeper!]))).toThrow(DecodeError);
      expect(() => codec.decode(lax.encode([createMessage('a', nested(33))]))).toThrow(DecodeError);
    });

    it('gives headers no prototype', () => {
      const [message] = codec.decode(codec.encode([createMessage('a', null, { headers: { toString: 'x' } })]));
      expect(Object.getPrototypeOf(message?.headers)).toBeNull();
      expect(Object.entries(message?.headers ?? {})).toEqual([['toString', 'x']]);
    });

    it('leaves no key __proto__ in a payload', () => {
      const own = JSON.parse('{ "list": [{ "__proto__": { "admin": true }, "kept": 1 }] }') as unknown;
      const [message] = codec.decode(codec.encode([createMessage('a', own)]));
      const [item] = (message as Message<'a', { list: object[] }>).payload.list;
      expect(Object.hasOwn(item!, '__proto__')).toBe(false);
      expect(item).toMatchObject({ kept: 1 });
      expect(item).not.toHaveProperty('admin');
    });

    it('neither changes nor keeps its arguments', () => {
      const batch = Object.freeze([deepFreeze(sample())]);
      const frame = codec.encode(batch);
      const before = frame.slice();
      codec.encode([createMessage('b', 'x'.repeat(frame.length))]);
      expect(frame).toEqual(before);

      const decoded = codec.decode(frame);
      if (typeof frame !== 'string') frame.fill(0);
      expect(decoded).toEqual(batch);
    });

    it.each(Object.entries(faults).filter(([name]) => !carries.includes(name)))(
      'refuses to encode %s, and says where it is',
      (_, makeFault) => {
        const message = createMessage('a', { list: [1, makeFault()] });
        expect(() => codec.encode([sample(), message])).toThrow(EncodeError);
        expect(() => codec.encode([sample(), message])).toThrow('cannot carry [1].payload.list[1]');
      },
    );

    it('carries the fields of objects of a class, and nothing that is inherited', () => {
      class Point {
        readonly x = 1;
        get y(): number {
          return 2;
        }
      }
      Object.assign(Point.prototype, { inherited: () => 3 });
      expect(codec.decode(codec.encode([createMessage('a', new Point())]))[0]?.payload).toStrictEqual({ x: 1 });
    });

    it('refuses to encode an envelope that no peer would accept', () => {
      expect(() => codec.encode([sample(), createMessage('no\nname', null)])).toThrow(InvalidMessageError);
    });

    it.each([
      ...Object.entries(hostile).map(([title, makeFrame]) => [title, makeFrame, DecodeError] as const),
      ...Object.entries(foreign).map(([title, makeFrame]) => [title, makeFrame, InvalidMessageError] as const),
    ])('refuses %s in good time', (_, makeFrame, Refusal) => {
      const frame = makeFrame();
      const { error, time } = attempt(codec, frame);
      expect(error).toBeInstanceOf(Refusal);
      expect(time).toBeLessThan(maxTime(frame));
    });

    it.each(Object.entries(heavy))('decodes %s in good time', (_, makeFrame) => {
      const frame = makeFrame();
      const { batch, time } = attempt(codec, frame);
      expect(batch).toHaveLength(1);
      expect(time).toBeLessThan(maxTime(frame));
    });

    it('survives mutated frames, and can encode whatever it decodes from them', () => {
      const frames = fc
        .sample(fc.array(messages(payload), { minLength: 1, maxLength: 5 }), { numRuns: 50, seed: 1 })
        .map((batch) => codec.encode(batch));
      const prototype = Object.getOwnPropertyNames(Object.prototype);

      for (const frame of mutations(frames, count)) {
        const { batch, error, time } = attempt(codec, frame);
        if (batch) expect(codec.decode(codec.encode(batch))).toEqual(batch);
        else if (!(error instanceof DecodeError || error instanceof InvalidMessageError)) throw error;
        if (time >= maxTime(frame)) throw new Error(`took ${time} ms: ${JSON.stringify(frame)}`);
      }
      expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(prototype);
    });
  });
}

function attempt(codec: PlainCodec, frame: Frame): { batch?: readonly Message[]; error?: unknown; time: number } {
  let result: { batch?: readonly Message[]; error?: unknown } = {};
  let time = Infinity;
  for (let run = 0; run < 3 && time >= maxTime(frame); run++) {
    const start = performance.now();
    try {
      result = { batch: codec.decode(frame) };
    } catch (error) {
      result = { error };
    }
    time = Math.min(time, performance.now() - start);
  }
  return { ...result, time };
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)) Object.values(Object.freeze(value)).forEach(deepFreeze);
  return value;
}
