import type { DecodeError, EncodeError } from '../errors.js';
import { MAX_DEPTH, NAME_PATTERN } from '../message/limits.js';
import type { Message } from '../message/types.js';
import { parseMessage } from '../message/validate.js';

export interface CarriedOptions {
  readonly codec: string;
  readonly maxBatch: number;
  /** Whether the codec carries this, which is neither plain data nor a date: a BigInt, NaN, bytes, what is of a class … */
  readonly carries: (value: unknown) => boolean;
  readonly Failure: typeof DecodeError | typeof EncodeError;
}

/**
 * The messages of a batch, with nothing but the fields of the envelope and nothing in their payloads but what the codec
 * carries: what would become `{}` or `null` on its way is refused.
 *
 * @throws {Failure} Names the place: `cannot carry [3].payload.files[0].content: Uint8Array`.
 * @throws {InvalidMessageError}
 */
export function carried(batch: readonly unknown[], { codec, maxBatch, carries, Failure }: CarriedOptions): readonly Message[] {
  if (batch.length > maxBatch) throw new Failure(codec, `${batch.length} messages, where ${maxBatch} are the limit`);
  return batch.map((value, index) => {
    const message = parseMessage(value, index);
    const fault = faultIn(message.payload, carries);
    if (fault) throw new Failure(codec, `cannot carry [${index}].payload${fault}`);
    return message;
  });
}

/** Where in `value` is what cannot be carried, as `.files[0]: Map`; nothing when there is none. */
export function faultIn(value: unknown, carries: CarriedOptions['carries'], depth = 0): string | undefined {
  if (typeof value === 'string' || typeof value === 'boolean' || value == null || Number.isFinite(value)) return;
  if (typeof value !== 'object') return carries(value) ? undefined : `: ${typeof value === 'number' ? value : typeof value}`;
  if (depth === MAX_DEPTH) return `: more than ${MAX_DEPTH} levels`;
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      const fault = faultIn(value[index], carries, depth + 1);
      if (fault) return `[${index}]${fault}`;
    }
    return;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    if (value instanceof Date ? !Number.isNaN(value.getTime()) : carries(value)) return;
    // Of an object of an application's class the fields travel, unless it has an idea of its own of what to send.
    const kind = Object.prototype.toString.call(value).slice(8, -1);
    if (kind !== 'Object' || 'toJSON' in value) return `: ${kind}`;
  }
  for (const key in value) {
    const fault = faultIn((value as Record<string, unknown>)[key], carries, depth + 1);
    // What is inherited does not travel. What a peer has made up is not for the log, unless it is a name.
    if (fault && Object.hasOwn(value, key)) return `.${NAME_PATTERN.test(key) ? key : '?'}${fault}`;
  }
  return;
}
