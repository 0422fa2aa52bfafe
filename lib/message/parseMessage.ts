import { InvalidMessageError } from '../errors.js';
import { MAX_HEADERS, MAX_HEADER_CHARACTERS, MAX_ID_LENGTH, NAME_PATTERN } from './messageLimits.js';
import type { MessagePriority } from './messagePriority.js';
import type { Message, MessageHeaders, MessageMetadata } from './types.js';

/** An index is formatted only for an error. */
type Path = string | number;

type Fields = Readonly<Record<string, unknown>>;
type Draft<T> = { -readonly [K in keyof T]: T[K] };

/**
 * Validates a message from outside, and returns a copy with the known fields. An optional field may be absent or `null`. So may `source`, which becomes `''`,
 * and the payload, which becomes `null`. The content of the payload is not validated.
 *
 * Headers become an object without a prototype, so that names like `__proto__` and `toString` have no special meaning.
 *
 * @param value Plain data, as a codec produces it.
 * @param path Where `value` was found, for the error: `[3]`, or its index 3.
 * @throws {InvalidMessageError} The error names the field, and never contains its value.
 * @example
 * const message = parseMessage({ id: 'a1', type: 'chat.said', timestamp: 0, version: 1, payload: 'hello', admin: true });
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
    version: positiveInteger(version, path, 'version'),
    source: source == null || source === '' ? '' : name(source, path, 'source'),
    payload: payload === undefined ? null : payload,
  };
  if (target != null) message.target = name(target, path, 'target');
  if (correlationId != null) message.correlationId = text(correlationId, path, 'correlationId');
  if (replyTo != null) message.replyTo = name(replyTo, path, 'replyTo');
  if (ttl != null) message.ttl = positive(ttl, path, 'ttl');
  if (priority != null) message.priority = priorityOf(priority, path, 'priority');
  if (headers != null) message.headers = headersOf(headers, path, 'headers');
  if (metadata != null) message.metadata = metadataOf(metadata, path, 'metadata');
  return message;
}

function headersOf(value: unknown, path: Path, field: string): MessageHeaders {
  const given = record(value, path, field);
  const names = Object.keys(given);
  if (names.length > MAX_HEADERS) refuse(path, field, `must be ${MAX_HEADERS} at most`);

  const headers = Object.create(null) as Record<string, string>;
  let characters = 0;
  for (const header of names) {
    const content = given[header];
    if (!NAME_PATTERN.test(header)) refuse(path, field, `must have names that match ${NAME_PATTERN.source}`);
    if (typeof content !== 'string') refuse(path, `${field}.${header}`, 'must be a string');
    characters += header.length + content.length;
    headers[header] = content;
  }
  if (characters > MAX_HEADER_CHARACTERS) refuse(path, field, `must be ${MAX_HEADER_CHARACTERS} characters at most, names included`);
  return headers;
}

const METADATA = {
  retryCount: notNegative,
  maxRetries: notNegative,
  deliveryTag: notNegative,
  routingKey: text,
  persistent: boolean,
  compressed: boolean,
  encrypted: boolean,
} satisfies { readonly [K in keyof MessageMetadata]-?: (value: unknown, path: Path, field: string) => MessageMetadata[K] };

function metadataOf(value: unknown, path: Path, field: string): MessageMetadata {
  const given = record(value, path, field);
  const metadata: Record<string, unknown> = {};
  for (const [key, parse] of Object.entries(METADATA)) {
    if (given[key] != null) metadata[key] = parse(given[key], path, `${field}.${key}`);
  }
  return metadata;
}

function record(value: unknown, path: Path, field = ''): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  return refuse(path, field, 'must be an object');
}

function text(value: unknown, path: Path, field: string): string {
  if (typeof value === 'string' && value !== '' && value.length <= MAX_ID_LENGTH) return value;
  return refuse(path, field, `must be a string of 1 to ${MAX_ID_LENGTH} characters`);
}

function name(value: unknown, path: Path, field: string): string {
  if (typeof value === 'string' && NAME_PATTERN.test(value)) return value;
  return refuse(path, field, `must be a string that matches ${NAME_PATTERN.source}`);
}

function notNegative(value: unknown, path: Path, field: string): number {
  if (Number.isFinite(value) && (value as number) >= 0) return value as number;
  return refuse(path, field, 'must be a number >= 0');
}

function positive(value: unknown, path: Path, field: string): number {
  if (Number.isFinite(value) && (value as number) > 0) return value as number;
  return refuse(path, field, 'must be a number > 0');
}

function positiveInteger(value: unknown, path: Path, field: string): number {
  if (Number.isSafeInteger(value) && (value as number) > 0) return value as number;
  return refuse(path, field, 'must be a whole number > 0');
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
