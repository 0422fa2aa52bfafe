import { InvalidMessageError } from '../../errors.js';
import type { Message } from '../../message/types.js';
import type { ExtensionTypes } from './extensionTypes.js';

/**
 * Encodes a message as an array of fields in a fixed order, without names. Optional fields come
 * last; missing ones at the end are omitted, the others are `null`.
 */
export function toTuple(message: Message, extensions: ExtensionTypes | null = null): readonly unknown[] {
  const { id, type, timestamp, version, source, payload } = message;
  const { correlationId = null, target = null, priority = null, ttl = null, replyTo = null, headers = null, metadata = null } = message;
  const tuple = [
    id,
    type,
    timestamp,
    version,
    source,
    payload,
    correlationId,
    target,
    priority,
    ttl,
    replyTo,
    headers,
    metadata,
    extensions,
  ];
  while (tuple[tuple.length - 1] === null) tuple.pop();
  return tuple;
}

/** The index of the extension types in a tuple. */
export const EXTENSION_TYPES = 13;

/** Returns the fields of a tuple, unchecked. Fields of a later version are ignored. */
export function fromTuple(tuple: unknown, index: number): Readonly<Record<Exclude<keyof Message, 'delivery'>, unknown>> {
  if (!Array.isArray(tuple)) throw new InvalidMessageError(`[${index}]`, 'must be an array of fields');
  const fields: readonly unknown[] = tuple;
  const [id, type, timestamp, version, source, payload, correlationId, target, priority, ttl, replyTo, headers, metadata] = fields;
  return { id, type, timestamp, version, source, payload, correlationId, target, priority, ttl, replyTo, headers, metadata };
}
