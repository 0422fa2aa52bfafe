import { DecodeError, EncodeError, InvalidMessageError } from '../../errors.js';
import type { Message } from '../../message/types.js';
import { parseMessage } from '../../message/parseMessage.js';
import { assertEncodable } from '../assertEncodable.js';
import { extensionsOf, fromColumns, toColumns } from './messageColumns.js';
import { decodeExtensions, encodeExtensions, type ExtensionTypes, needsExtension } from './extensionTypes.js';

export interface BatchLayoutOptions {
  readonly maxBatch: number;
  readonly maxDepth: number;
  readonly maxNodes: number;
}

/** Converts a batch to a value for MessagePack, as tuples or columns, and back. */
export interface BatchLayout {
  /**
   * @throws {EncodeError} If the batch contains unsupported values.
   * @throws {InvalidMessageError}
   */
  toValue(batch: readonly Message[]): readonly unknown[];
  /**
   * @throws {DecodeError}
   * @throws {InvalidMessageError}
   */
  fromValue(value: unknown): readonly Message[];
}

export function createBatchLayout({ maxBatch, maxDepth, maxNodes }: BatchLayoutOptions): BatchLayout {
  const plainRules = { codec: 'msgpack', maxBatch, maxDepth, supports: isSupported, renamesProto: true, Failure: EncodeError };
  let hasExtensions = false;
  const withExtensions = {
    ...plainRules,
    supports: (value: unknown) => isSupported(value) || (needsExtension(value) && (hasExtensions = true)),
  };
  const toRows = (messages: readonly Message[], extensions: readonly (ExtensionTypes | null)[] | null): readonly unknown[] =>
    messages.length > 1 ? toColumns(messages, extensions, maxNodes) : messages.map((message) => toTuple(message, extensions?.[0] ?? null));

  return {
    toValue(batch) {
      hasExtensions = false;
      const messages = assertEncodable(batch, withExtensions);
      // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- `assertEncodable` changes it
      if (!hasExtensions) return toRows(messages, null);
      const extensions = messages.map((): (string | number)[][] => []);
      const plain = messages.map((message, index) => ({
        ...message,
        payload: encodeExtensions(message.payload, extensions[index] ?? [], maxDepth),
      }));
      const types = extensions.map((list) => (list.length > 0 ? list : null));
      // The values inside Maps were not checked before.
      return toRows(assertEncodable(plain, plainRules), types);
    },
    fromValue(value) {
      if (!Array.isArray(value)) throw new DecodeError('msgpack', 'the frame is not an array of messages');
      const [first] = value as readonly unknown[];
      const count = typeof first === 'number' ? first : value.length;
      if (!Number.isSafeInteger(count) || count < 0 || count > maxBatch)
        throw new DecodeError('msgpack', `expected at most ${maxBatch} messages, got ${count}`);
      return typeof first === 'number' ? readColumns(value, count) : value.map(readTuple);
    },
  };

  function readTuple(tuple: unknown, index: number): Message {
    return restoreExtensions(parseMessage(fromTuple(tuple, index), index), (tuple as readonly unknown[])[EXTENSION_TYPES], index);
  }

  function readColumns(columns: readonly unknown[], count: number): readonly Message[] {
    let fields: readonly object[];
    try {
      fields = fromColumns(columns, count, maxNodes);
    } catch (cause) {
      throw new DecodeError('msgpack', (cause as Error).message, cause);
    }
    return fields.map((message, index) => restoreExtensions(parseMessage(message, index), extensionsOf(columns, index), index));
  }

  function restoreExtensions(message: Message, extensions: unknown, index: number): Message {
    if (extensions == null) return message;
    try {
      return { ...message, payload: decodeExtensions(message.payload, extensions, maxDepth) };
    } catch (cause) {
      throw new DecodeError('msgpack', `[${index}] has ${(cause as Error).message}`, cause);
    }
  }
}

function isSupported(value: unknown): boolean {
  if (typeof value === 'bigint')
    return !needsExtension(value) && (BigInt.asIntN(64, value) === value || BigInt.asUintN(64, value) === value);
  return typeof value === 'number' || value instanceof Uint8Array;
}

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
