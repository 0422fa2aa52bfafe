import { InvalidMessageError } from '../../errors.js';
import type { Message } from '../../message/types.js';
import type { Kinds } from './kinds.js';

/**
 * A message as an array: the place says which field it is, so no names travel. What comes last is missing most often, and
 * is cut; what is missing before that is `null`.
 */
export function toTuple(message: Message, kinds: Kinds | null = null): readonly unknown[] {
  const { id, type, timestamp, version, source, payload } = message;
  const { correlationId = null, target = null, priority = null, ttl = null, replyTo = null, headers = null, metadata = null } = message;
  const tuple = [id, type, timestamp, version, source, payload, correlationId, target, priority, ttl, replyTo, headers, metadata, kinds];
  while (tuple[tuple.length - 1] === null) tuple.pop();
  return tuple;
}

/** Where in a tuple is what its payload really is. */
export const KINDS = 13;

/** The fields of a tuple, unchecked; those of a later version that it may have beyond ours are left out. */
export function fromTuple(tuple: unknown, index: number): Readonly<Record<Exclude<keyof Message, 'delivery'>, unknown>> {
  if (!Array.isArray(tuple)) throw new InvalidMessageError(`[${index}]`, 'must be an array of fields');
  const fields: readonly unknown[] = tuple;
  const [id, type, timestamp, version, source, payload, correlationId, target, priority, ttl, replyTo, headers, metadata] = fields;
  return { id, type, timestamp, version, source, payload, correlationId, target, priority, ttl, replyTo, headers, metadata };
}
