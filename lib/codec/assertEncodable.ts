import { envelopeLevels } from './envelopeLevels.js';
import { noteDate } from '../message/development.js';
import type { DecodeError, EncodeError } from '../message/errors.js';
import { NAME_PATTERN } from '../message/messageLimits.js';
import type { Message } from '../message/types.js';
import { parseMessage } from '../message/parseMessage.js';

export interface EncodableOptions {
  readonly codec: string;
  readonly maxBatch: number;
  readonly maxDepth: number;
  /** Returns whether the codec supports a value beside plain data and dates: NaN, bytes … */
  readonly supports: (value: unknown) => boolean;
  /** Whether `__proto__` arrives as `__proto_`: no object may have both. @default false */
  readonly renamesProto?: boolean;
  /** Whether a date arrives as a text. @default false */
  readonly sendsDateAsText?: boolean;
  readonly Failure: typeof DecodeError | typeof EncodeError;
}

/**
 * Returns the validated messages of a batch, with only the fields of an envelope. It rejects
 * payloads with values that the codec does not support and that would become `{}` or `null`.
 *
 * @throws {Failure} Names the path: `cannot carry [3].payload.files[0].content: Uint8Array`.
 * @throws {InvalidMessageError}
 */
export function assertEncodable(batch: readonly unknown[], options: EncodableOptions): readonly Message[] {
  const { codec, maxBatch, Failure } = options;
  if (batch.length > maxBatch) throw new Failure(codec, `expected at most ${maxBatch} messages, got ${batch.length}`);
  return batch.map((value, index) => {
    const message = parseMessage(value, index);
    const unsupported = findUnsupported(message.payload, options, -envelopeLevels(message.type));
    if (unsupported) throw new Failure(codec, `cannot carry [${index}].payload${unsupported}`);
    return message;
  });
}

/** Returns whether JSON finds an object inside itself. */
function isCircular(value: object): boolean {
  try {
    JSON.stringify(value);
    return false;
  } catch (error) {
    // The text differs between runtimes: Chromium and Node, Firefox, Safari.
    return /circular|cyclic/i.test(String(error));
  }
}

/** The values that a codec supports. */
export type ValueRules = Pick<EncodableOptions, 'maxDepth' | 'supports' | 'renamesProto' | 'sendsDateAsText'>;

/** Returns the path and type of an unsupported value, as `.files[0]: Map`, if there is one. */
export function findUnsupported(value: unknown, rules: ValueRules, depth = 0): string | undefined {
  if (typeof value === 'string' || typeof value === 'boolean' || value == null || Number.isFinite(value)) return;
  const { supports, maxDepth } = rules;
  if (typeof value !== 'object') return supports(value) ? undefined : `: ${typeof value === 'number' ? value : typeof value}`;
  if (depth === maxDepth) return `: more than ${maxDepth} levels${isCircular(value) ? ', it is circular' : ''}`;
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      const unsupported = findUnsupported(value[index], rules, depth + 1);
      if (unsupported) return `[${index}]${unsupported}`;
    }
    return;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    if (rules.sendsDateAsText && value instanceof Date) noteDate();
    if (value instanceof Date ? !Number.isNaN(value.getTime()) : supports(value)) return;
    // The fields of a class instance are encoded, unless it has a `toJSON` method.
    const kind = Object.prototype.toString.call(value).slice(8, -1);
    if (kind !== 'Object' || 'toJSON' in value) return `: ${kind}`;
  }
  for (const key in value) {
    if (key === '__proto_' && rules.renamesProto && Object.hasOwn(value, '__proto__')) return ': both __proto__ and __proto_';
    const unsupported = findUnsupported((value as Record<string, unknown>)[key], rules, depth + 1);
    // Inherited properties are not encoded. Keys of a peer are not logged unless they are names.
    if (unsupported && Object.hasOwn(value, key)) return `.${NAME_PATTERN.test(key) ? key : '?'}${unsupported}`;
  }
  return;
}
