import { Packr, RESET_BUFFER_MODE } from 'msgpackr';
import { DecodeError, EncodeError } from '../errors.js';
import { assertPositive } from '../internal/assert.js';
import { MAX_DEPTH } from '../message/limits.js';
import type { Message } from '../message/types.js';
import { parseMessage } from '../message/validate.js';
import { carried } from './carried.js';
import type { PlainCodec } from './codec.js';
import { fold, isFolded, unfold } from './kinds.js';
import { scanMsgpack } from './scanMsgpack.js';
import { fromTuple, KINDS, toTuple } from './tuple.js';

export interface MsgpackOptions {
  /** Messages a frame may hold, both ways. @default 1_024 */
  readonly maxBatch?: number;
  /** Arrays, maps and each of their entries, binaries and dates a frame may hold, both ways. @default 100_000 */
  readonly maxNodes?: number;
}

/**
 * The codec of binary frames: MessagePack, by msgpackr. A batch is an array of messages, a message an array of its fields in a
 * fixed order, so that no names travel: about two thirds of the size of JSON.
 *
 * Beyond what JSON carries, Dates, Uint8Arrays, Maps, Sets, BigInts of 64 bits, NaN, Infinity and `undefined` arrive as they were. What it cannot say
 * is refused: larger BigInts, typed arrays of other than bytes, functions, symbols, invalid dates, anything with a `toJSON`
 * of its own, and more than 32 levels. A key named `__proto__` arrives as `__proto_`.
 *
 * @throws {RangeError} At call time, if `maxBatch` or `maxNodes` is not positive.
 * @example
 * const frame = msgpack().encode([createMessage('chat.said', 'hello', { id: 'a1', timestamp: 0 })]);
 * console.log(frame.length); // prints: 24
 */
export function msgpack(options: MsgpackOptions = {}): PlainCodec {
  const { maxBatch = 1_024, maxNodes = 100_000 } = options;
  assertPositive('msgpack', { maxBatch, maxNodes });
  const rules = { codec: 'msgpack', maxBatch, carries, Failure: EncodeError };
  let hasFolded = false;
  const loose = { ...rules, carries: (value: unknown) => carries(value) || (isFolded(value) && (hasFolded = true)) };
  const limits = { maxDepth: MAX_DEPTH + 2, maxNodes }; // a payload is in a message in a batch
  const packr = newPackr();

  const tuplesOf = (batch: readonly Message[]): readonly unknown[] => {
    hasFolded = false;
    const messages = carried(batch, loose);
    // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- `carried` changes it
    if (!hasFolded) return messages.map((message) => toTuple(message));
    const kinds = messages.map((): (string | number)[][] => []);
    const folded = messages.map((message, index) => ({ ...message, payload: fold(message.payload, kinds[index] ?? []) }));
    // What is in a Map has not been looked at before.
    return carried(folded, rules).map((message, index) => toTuple(message, kinds[index]?.length ? kinds[index] : null));
  };
  const pack = (tuples: readonly unknown[]): Uint8Array => {
    try {
      // A copy: msgpackr will write the next frame over this one.
      return new Uint8Array(packr.pack(tuples, RESET_BUFFER_MODE));
    } catch (cause) {
      throw new EncodeError('msgpack', 'msgpackr cannot write it', cause);
    }
  };
  const unpack = (frame: Uint8Array): unknown => {
    try {
      // A view of its own: msgpackr leaves a property on what it reads, and makes Buffers of the bytes in a Buffer.
      return packr.unpack(new Uint8Array(frame.buffer, frame.byteOffset, frame.length));
    } catch (cause) {
      throw new DecodeError('msgpack', 'msgpackr cannot read it', cause);
    }
  };

  return {
    name: 'msgpack',
    binary: true,
    encode(batch) {
      const frame = pack(tuplesOf(batch));
      // Each node takes a byte at least: only a large frame can have too many.
      const fault = frame.length > maxNodes ? scanMsgpack(frame, limits) : undefined;
      if (fault) throw new EncodeError('msgpack', fault);
      return frame;
    },
    decode(frame) {
      const fault = typeof frame === 'string' ? 'text, where bytes were expected' : scanMsgpack(frame, limits);
      if (fault) throw new DecodeError('msgpack', fault);
      const batch = unpack(frame as Uint8Array);
      if (!Array.isArray(batch)) throw new DecodeError('msgpack', 'not an array of messages');
      if (batch.length > maxBatch) throw new DecodeError('msgpack', `${batch.length} messages, where ${maxBatch} are the limit`);
      return batch.map(readTuple);
    },
  };
}

const newPackr = (): Packr =>
  new Packr({
    useRecords: false, // their definitions come from the peer and reach `new Function`
    structuredClone: false, // no references, hence no cycles
    useToJSON: false, // `toJSON` in what a peer sent is no method
    copyBuffers: true, // what was decoded must not change with the memory of its frame
    variableMapSize: true, // small objects are two bytes smaller, and more than 65,535 keys are possible
    int64AsType: 'auto' as 'number', // a number where that is exact, else a BigInt; the typings do not know it
  });

function readTuple(tuple: unknown, index: number): Message {
  const message = parseMessage(fromTuple(tuple, index), index);
  const kinds = (tuple as readonly unknown[])[KINDS];
  if (kinds == null) return message;
  try {
    return { ...message, payload: unfold(message.payload, kinds) };
  } catch (cause) {
    throw new DecodeError('msgpack', `[${index}] has ${(cause as Error).message}`, cause);
  }
}

function carries(value: unknown): boolean {
  if (typeof value === 'bigint') return !isFolded(value) && (BigInt.asIntN(64, value) === value || BigInt.asUintN(64, value) === value);
  return typeof value === 'number' || value instanceof Uint8Array;
}
