import { InvalidMessageError } from './errors.js';
import { copyFields } from './copyFields.js';
import { CONTROL_CHARACTER, ENVELOPE_VERSION, MAX_ID_LENGTH, MAX_NAME_LENGTH, NAME_PATTERN } from './messageLimits.js';
import type { MessagePriority } from './messagePriority.js';
import type { Message, MessageMetadata } from './types.js';

/** An index is formatted only for an error. */
type Path = string | number;

type Fields = Readonly<Record<string, unknown>>;
type Draft<T> = { -readonly [K in keyof T]: T[K] };

/**
 * Validates a message from outside, and returns a copy with the known fields. An optional field may
 * be absent or `null`. So may `version`, which becomes `'1.0'`, `source`, which becomes `''`, and
 * the payload, which becomes `null`. The content of the payload is not validated.
 *
 * Headers and metadata are copied, with the fields that this library does not know. Headers become
 * an object without a prototype, so that `__proto__` and `toString` have no special meaning.
 *
 * @param value Plain data, as a codec produces it.
 * @param path Where `value` was found, for the error: `[3]`, or its index 3.
 * @throws {InvalidMessageError} The error names the field, and never contains its value.
 * @example
 * import { parseMessage } from 'rxwire';
 *
 * const message = parseMessage({
 *   id: 'a1',
 *   type: 'chat.said',
 *   timestamp: 0,
 *   version: '1.0',
 *   payload: 'hello',
 *   admin: true,
 * });
 * console.log(message.payload, 'admin' in message); // prints: hello false
 */
export function parseMessage(value: unknown, path: Path = ''): Message {
  // Written field by field: a table of rules takes twice the time for each message received.
  const { id, type, timestamp, version, source, payload, target, correlationId, replyTo, ttl, priority, headers, metadata } = record(
    value,
    path,
  );
  const message: Draft<Message> = {
    id: text(id, path, 'id'),
    type: name(type, path, 'type'),
    timestamp: notNegative(timestamp, path, 'timestamp'),
    version: version == null || version === ENVELOPE_VERSION ? ENVELOPE_VERSION : name(version, path, 'version'),
    source: source == null || source === '' ? '' : name(source, path, 'source', 0),
    payload: payload === undefined ? null : payload,
  };
  if (target != null) message.target = name(target, path, 'target', 0);
  if (correlationId != null) message.correlationId = text(correlationId, path, 'correlationId');
  if (replyTo != null) message.replyTo = name(replyTo, path, 'replyTo', 0);
  if (ttl != null) message.ttl = notNegative(ttl, path, 'ttl');
  if (priority != null) message.priority = priorityOf(priority, path, 'priority');
  if (headers != null) message.headers = copyOf(headers, path, 'headers', Object.create(null) as Record<string, unknown>);
  if (metadata != null) message.metadata = metadataOf(metadata, path);
  return message;
}

const METADATA = [
  ['retryCount', notNegative],
  ['maxRetries', notNegative],
  ['deliveryTag', text],
  ['routingKey', text],
  ['persistent', boolean],
  ['compressed', boolean],
  ['encrypted', boolean],
] as const;

function metadataOf(value: unknown, path: Path): MessageMetadata {
  const metadata = copyOf(value, path, 'metadata', {});
  for (const [name, check] of METADATA) {
    if (metadata[name] === null) Reflect.deleteProperty(metadata, name);
    else if (metadata[name] !== undefined) check(metadata[name], path, `metadata.${name}`);
  }
  return metadata;
}

/** Copies the fields of headers or metadata to `target`. */
function copyOf(value: unknown, path: Path, field: string, target: Record<string, unknown>): Record<string, unknown> {
  return copyFields(record(value, path, field), target, (rule, inner) =>
    // The name of a field, which the peer chose, is not logged unless it is a plain one.
    refuse(path, inner === undefined ? field : `${field}.${NAME_PATTERN.test(inner) ? inner : '?'}`, rule),
  );
}

function record(value: unknown, path: Path, field = ''): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  return refuse(path, field, 'must be an object');
}

function text(value: unknown, path: Path, field: string): string {
  if (typeof value === 'string' && value !== '' && value.length <= MAX_ID_LENGTH) return value;
  return refuse(path, field, `must be a string of 1 to ${MAX_ID_LENGTH} characters`);
}

/** @param least The minimum length: 0 or 1. */
function name(value: unknown, path: Path, field: string, least = 1): string {
  // The test of `isName`, without a call for each field of each message.
  if (typeof value === 'string' && value.length >= least && value.length <= MAX_NAME_LENGTH && !CONTROL_CHARACTER.test(value)) return value;
  return refuse(path, field, `must be a string of ${least ? '1 to' : 'at most'} ${MAX_NAME_LENGTH} characters without control characters`);
}

function notNegative(value: unknown, path: Path, field: string): number {
  if (Number.isFinite(value) && (value as number) >= 0) return value as number;
  return refuse(path, field, 'must be a number >= 0');
}

function priorityOf(value: unknown, path: Path, field: string): MessagePriority {
  if (value === 0 || value === 1 || value === 2 || value === 3) return value;
  return refuse(path, field, 'must be 0, 1, 2 or 3');
}

function boolean(value: unknown, path: Path, field: string): boolean {
  if (typeof value === 'boolean') return value;
  return refuse(path, field, 'must be true or false');
}

function refuse(path: Path, field: string, rule: string): never {
  const place = typeof path === 'number' ? `[${path}]` : path;
  throw new InvalidMessageError(place && field ? `${place}.${field}` : place || field, rule);
}
