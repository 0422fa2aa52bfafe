import type { EncodableOptions } from './assertEncodable.js';
import { envelopeLevels } from './envelopeLevels.js';
import { byteLength } from '../message/bytes.js';
import { InvalidMessageError } from '../message/errors.js';
import {
  ENVELOPE_VERSION,
  isName,
  MAX_DEPTH,
  MAX_FIELD_BYTES,
  MAX_FIELDS,
  MAX_FIELDS_BYTES,
  MAX_ID_LENGTH,
} from '../message/messageLimits.js';
import type { Message } from '../message/types.js';

type Fields = Readonly<Record<string, unknown>>;

const isId = (value: unknown): boolean => typeof value === 'string' && value !== '' && value.length <= MAX_ID_LENGTH;
const isText = (value: unknown): boolean => isName(value) && value !== '';
const isAmount = (value: unknown): boolean => Number.isFinite(value) && (value as number) >= 0;
const isBoolean = (value: unknown): boolean => typeof value === 'boolean';

/** The tests of the fields of a message, and their defaults. */
const MESSAGE: Readonly<Record<string, readonly [test: (value: unknown) => boolean, byDefault?: unknown]>> = {
  id: [isId],
  type: [isText],
  timestamp: [isAmount],
  version: [isText, ENVELOPE_VERSION],
  source: [isName, ''],
  payload: [() => true, null],
  target: [isName],
  correlationId: [isId],
  replyTo: [isName],
  ttl: [isAmount],
  priority: [(value) => [0, 1, 2, 3].includes(value as number)],
  headers: [areFields],
  metadata: [areMetadata],
};

/** A server checks what it receives itself. */
export const checksAll: boolean = false;

/**
 * Returns the messages of a server, in a bundle for production: it trusts the server, and checks
 * only that the messages are messages.
 *
 * @throws {Failure | InvalidMessageError}
 */
export function checkReceived(batch: readonly unknown[], { codec, maxBatch, Failure }: EncodableOptions): readonly Message[] {
  if (batch.length > maxBatch) throw new Failure(codec, `expected at most ${maxBatch} messages`);
  return batch.map((value) => {
    const message: Record<string, unknown> = {};
    for (const name in MESSAGE) {
      const field = (Object(value) as Fields)[name] ?? MESSAGE[name]?.[1];
      if (field !== undefined) message[name] = field;
    }
    if (!isId(message['id']) || !isText(message['type'])) throw new InvalidMessageError('', 'a field is invalid');
    return message as unknown as Message;
  });
}

/** Takes the place of `assertEncodable` in a bundle for production: its errors name no path. */
export function checkSent(batch: readonly unknown[], options: EncodableOptions): readonly Message[] {
  const { codec, maxDepth, Failure } = options;
  const messages = checkReceived(batch, options);
  for (const message of messages) {
    for (const name in message) if (!MESSAGE[name]?.[0](message[name as 'id'])) throw new InvalidMessageError(name, 'is invalid');
    if (!isAmount(message.timestamp)) throw new InvalidMessageError('timestamp', 'is missing');
    if (!isJson(message.payload, maxDepth + envelopeLevels(message.type))) throw new Failure(codec, 'cannot carry the payload');
  }
  return messages;
}

/** Returns whether JSON carries a value of so many levels, and does not change it. */
function isJson(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null)
    return value == null || ['string', 'boolean'].includes(typeof value) || Number.isFinite(value);
  const isPlain =
    Array.isArray(value) || value instanceof Date || (Object.prototype.toString.call(value) === '[object Object]' && !('toJSON' in value));
  return isPlain && levels > 0 && Object.values(value).every((inner) => isJson(inner, levels - 1));
}

function areFields(fields: unknown): boolean {
  if (typeof fields !== 'object' || Array.isArray(fields) || !isJson(fields, MAX_DEPTH)) return false;
  const sizes = Object.entries(fields as Fields).map(([name, value]) =>
    isText(name) ? byteLength(JSON.stringify({ [name]: value })) - 2 : Infinity,
  );
  return (
    sizes.length <= MAX_FIELDS &&
    sizes.every((size) => size <= MAX_FIELD_BYTES) &&
    sizes.reduce((sum, size) => sum + size, 0) <= MAX_FIELDS_BYTES
  );
}

function areMetadata(metadata: unknown): boolean {
  const { retryCount, maxRetries, deliveryTag, routingKey, persistent, compressed, encrypted } = metadata as Fields;
  const are = (test: (value: unknown) => boolean, ...values: readonly unknown[]): boolean =>
    values.every((value) => value == null || test(value));
  return (
    areFields(metadata) &&
    are(isAmount, retryCount, maxRetries) &&
    are(isId, deliveryTag, routingKey) &&
    are(isBoolean, persistent, compressed, encrypted)
  );
}
