import { DecodeError, EncodeError } from '../errors.js';
import { assertPositive } from '../internal/assert.js';
import { carried } from './carried.js';
import type { PlainCodec } from './codec.js';

export interface JsonOptions {
  /** Messages a frame may hold, both ways. @default 1_024 */
  readonly maxBatch?: number;
}

/** What a key named `__proto__` takes: the name, or an escape of one of its characters. */
const PROTO = /__proto__|\\u00[567]/;

/**
 * The codec of text frames. A batch of one message travels as its envelope, `{"id":…,"type":…}`, a larger one as an array of
 * envelopes, so that any server that speaks JSON understands it; both are read.
 *
 * A Date arrives as its ISO string, an object of a class as its fields, `undefined` as `null` in an array and else not at all.
 * What JSON cannot say is refused: BigInt, NaN, Infinity, bytes, Map, Set, functions, symbols, invalid dates, anything with a
 * `toJSON` of its own, and more than 32 levels. Keys named `__proto__` are removed from payloads that are read.
 *
 * @throws {RangeError} At call time, if `maxBatch` is not positive.
 * @example
 * const frame = json().encode([createMessage('chat.said', 'hello', { id: 'a1', timestamp: 0 })]);
 * console.log(frame); // prints: {"id":"a1","type":"chat.said","timestamp":0,"version":1,"source":"","payload":"hello"}
 */
export function json(options: JsonOptions = {}): PlainCodec {
  const { maxBatch = 1_024 } = options;
  assertPositive('json', { maxBatch });
  const rules = { codec: 'json', maxBatch, carries: () => false };
  const sent = { ...rules, Failure: EncodeError };
  const received = { ...rules, Failure: DecodeError };

  return {
    name: 'json',
    binary: false,
    encode(batch) {
      const messages = carried(batch, sent);
      return JSON.stringify(messages.length === 1 ? messages[0] : messages);
    },
    decode(frame) {
      const parsed = parse(frame);
      const messages = carried(Array.isArray(parsed) ? parsed : [parsed], received);
      if (PROTO.test(frame as string)) messages.forEach(({ payload }) => dropProto(payload));
      return messages;
    },
  };
}

/** @throws {DecodeError} */
function parse(frame: string | Uint8Array): unknown {
  let cause: unknown;
  try {
    if (typeof frame === 'string') return JSON.parse(frame);
  } catch (error) {
    cause = error;
  }
  throw new DecodeError('json', 'not JSON text', cause);
}

/** Removes keys named `__proto__` from what a text stands for. */
export function withoutProto(text: string, value: unknown): void {
  if (PROTO.test(text)) dropProto(value);
}

function dropProto(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  if (Object.hasOwn(value, '__proto__')) Reflect.deleteProperty(value, '__proto__');
  for (const item of Array.isArray(value) ? (value as unknown[]) : Object.values(value)) dropProto(item);
}
