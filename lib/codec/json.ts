import { assertDepth, assertPositive, checkOptions } from '../message/development.js';
import { DecodeError, EncodeError } from '../message/errors.js';
import { MAX_DEPTH } from '../message/messageLimits.js';
import { checkReceived, checkSent } from './checkBatch.js';
import { type PlainCodec, withLimits } from './codec.js';

export interface JsonOptions {
  /** The maximum number of messages in a frame, both ways. @default 1_024 */
  readonly maxBatch?: number;
  /** The maximum nesting of a payload, both ways: 32 or more. @default 32 */
  readonly maxDepth?: number;
}

/** Matches every JSON text with a key `__proto__`, also if its characters are escaped. */
const PROTO = /__proto__|\\u00[567]/;

/**
 * The codec of text frames. A batch of one message is encoded as its envelope, `{"id":…,"type":…}`,
 * a larger one as an array of envelopes, for any server that supports JSON. It decodes both.
 *
 * A Date arrives as its ISO string, a class instance as its fields, `undefined` as `null` in an
 * array and not at all elsewhere. Values that JSON does not support are rejected: BigInt, NaN,
 * Infinity, bytes, Map, Set, functions, symbols, invalid dates, objects with their own `toJSON`,
 * and more than `maxDepth` levels. Keys named `__proto__` are removed from received payloads.
 *
 * @throws {RangeError} At call time, if `maxBatch` is not positive, or `maxDepth` is below 32.
 * @example
 * import { createMessage, json } from 'rxwire';
 *
 * const frame = json().encode([createMessage('chat.said', 'hello', { id: 'a1', timestamp: 0 })]);
 * console.log(frame); // prints: {"id":"a1","type":"chat.said","timestamp":0,"version":"1.0","source":"","payload":"hello"}
 */
export function json(options: JsonOptions = {}): PlainCodec {
  checkOptions('json', options);
  const { maxBatch = 1_024, maxDepth = MAX_DEPTH } = options;
  assertPositive('json', { maxBatch });
  assertDepth('json', maxDepth);
  const limits = { maxBatch, maxDepth };
  const decoding = { ...limits, ...RULES, Failure: DecodeError };

  return withLimits(limits, (sending): PlainCodec => {
    const encoding = { ...sending, ...RULES, sendsDateAsText: true, Failure: EncodeError };
    return {
      name: 'json',
      binary: false,
      carriesJson: true,
      encode(batch) {
        const messages = checkSent(batch, encoding);
        return JSON.stringify(messages.length === 1 ? messages[0] : messages);
      },
      decode(frame) {
        const parsed = parse(frame);
        const messages = checkReceived(Array.isArray(parsed) ? parsed : [parsed], decoding);
        if (PROTO.test(frame as string)) messages.forEach(({ payload }) => dropProto(payload));
        return messages;
      },
    };
  });
}

const RULES = { codec: 'json', supports: () => false };

/** @throws {DecodeError} */
function parse(frame: string | Uint8Array): unknown {
  let cause: unknown;
  try {
    if (typeof frame === 'string') return JSON.parse(frame);
  } catch (error) {
    cause = error;
  }
  throw new DecodeError('json', 'the text is not JSON', cause);
}

export function withoutProto(text: string, value: unknown): void {
  if (PROTO.test(text)) dropProto(value);
}

function dropProto(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  if (Object.hasOwn(value, '__proto__')) Reflect.deleteProperty(value, '__proto__');
  for (const item of Array.isArray(value) ? (value as unknown[]) : Object.values(value)) dropProto(item);
}
