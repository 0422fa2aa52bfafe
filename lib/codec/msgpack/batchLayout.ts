import { DecodeError, EncodeError, InvalidMessageError } from '../../message/errors.js';
import { parseMessage } from '../../message/parseMessage.js';
import type { Message } from '../../message/types.js';
import { assertEncodable, findUnsupported } from '../assertEncodable.js';
import { envelopeLevels, MAX_ENVELOPE_LEVELS } from '../envelopeLevels.js';
import { decodeExtensions, encodeExtensions, type ExtensionTypes, needsExtension } from './extensionTypes.js';
import { cellOf, columnOf, fromPayloadColumns, isColumn, toPayloadColumns } from './payloadColumns.js';

interface BatchLayoutOptions {
  readonly maxBatch: number;
  readonly maxDepth: number;
  readonly maxNodes: number;
}

/** Converts a batch to a value for MessagePack, as tuples or columns, and back. */
export function createBatchLayout({ maxBatch, maxDepth, maxNodes }: BatchLayoutOptions) {
  const plainRules = { codec: 'msgpack', maxBatch, maxDepth, supports: isSupported, renamesProto: true, Failure: EncodeError };
  const maxLevels = maxDepth + MAX_ENVELOPE_LEVELS;
  let hasExtensions = false;
  const withExtensions = {
    ...plainRules,
    supports: (value: unknown) => isSupported(value) || (needsExtension(value) && (hasExtensions = true)),
  };
  const toRows = (messages: readonly Message[], extensions: readonly (ExtensionTypes | null)[] | null): readonly unknown[] =>
    messages.length > 1 ? toColumns(messages, extensions, maxNodes) : messages.map((message) => toTuple(message, extensions?.[0] ?? null));

  return {
    /** @throws {EncodeError} If the batch contains unsupported values. */
    toValue(batch: readonly Message[]): readonly unknown[] {
      hasExtensions = false;
      const messages = assertEncodable(batch, withExtensions);
      // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- `assertEncodable` changes it
      if (!hasExtensions) return toRows(messages, null);
      const extensions = messages.map((): (string | number)[][] => []);
      const plain = messages.map((message, index) => ({
        ...message,
        payload: encodeExtensions(message.payload, extensions[index] ?? [], maxLevels),
      }));
      const types = extensions.map((list) => (list.length > 0 ? list : null));
      // The values inside Maps were not checked before.
      return toRows(assertEncodable(plain, plainRules), types);
    },
    /** @param isDeep Whether a value may have too many levels. */
    fromValue(value: unknown, isDeep = false): readonly Message[] {
      if (!Array.isArray(value)) throw new DecodeError('msgpack', 'the frame is not an array of messages');
      const [first] = value as readonly unknown[];
      const count = typeof first === 'number' ? first : value.length;
      if (!Number.isSafeInteger(count) || count < 0 || count > maxBatch)
        throw new DecodeError('msgpack', `expected at most ${maxBatch} messages, got ${count}`);
      if (typeof first === 'number') return readColumns(value, count, isDeep);
      return count === 1 ? [readTuple(first, 0, isDeep)] : value.map((tuple, index) => readTuple(tuple, index, isDeep));
    },
  };

  function readTuple(tuple: unknown, index: number, isDeep: boolean): Message {
    const message = checkLevels(parseMessage(fromTuple(tuple, index), index), index, isDeep);
    return restoreExtensions(message, (tuple as readonly unknown[])[EXTENSION_TYPES], index);
  }

  function checkLevels(message: Message, index: number, isDeep: boolean): Message {
    const fault = isDeep && findUnsupported(message.payload, { maxDepth, supports: () => true }, -envelopeLevels(message.type));
    if (fault) throw new DecodeError('msgpack', `[${index}].payload${fault}`);
    return message;
  }

  function readColumns(columns: readonly unknown[], count: number, isDeep: boolean): readonly Message[] {
    let fields: readonly object[];
    try {
      fields = fromColumns(columns, count, maxNodes);
    } catch (cause) {
      throw new DecodeError('msgpack', (cause as Error).message, cause);
    }
    return fields.map((message, index) =>
      restoreExtensions(checkLevels(parseMessage(message, index), index, isDeep), extensionsOf(columns, index), index),
    );
  }

  function restoreExtensions(message: Message, extensions: unknown, index: number): Message {
    if (extensions == null) return message;
    try {
      return { ...message, payload: decodeExtensions(message.payload, extensions, maxLevels) };
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
function toTuple(message: Message, extensions: ExtensionTypes | null = null): readonly unknown[] {
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
const EXTENSION_TYPES = 13;

/** Returns the fields of a tuple, unchecked. Fields of a later version are ignored. */
function fromTuple(tuple: unknown, index: number): Readonly<Record<Exclude<keyof Message, 'delivery'>, unknown>> {
  if (!Array.isArray(tuple)) throw new InvalidMessageError(`[${index}]`, 'must be an array of fields');
  const fields: readonly unknown[] = tuple;
  const [id, type, timestamp, version, source, payload, correlationId, target, priority, ttl, replyTo, headers, metadata] = fields;
  return { id, type, timestamp, version, source, payload, correlationId, target, priority, ttl, replyTo, headers, metadata };
}

/** The indexes of the first optional column and of the extension types. */
const FIRST_OPTIONAL = 10;
const EXTENSIONS_COLUMN = 17;
/** The indexes of all columns but those of payloads. */
const COLUMNS = [1, 2, 3, 4, 5, 6, 10, 11, 12, 13, 14, 15, 16, 17];

/**
 * Encodes a batch of two or more messages by columns, so that common values and the field names of
 * payloads are encoded once. Optional fields come last, and missing columns at the end are omitted.
 *
 * @param maxFields The maximum number of payload fields to encode as columns.
 */
function toColumns(
  messages: readonly Message[],
  extensions: readonly (ExtensionTypes | null)[] | null,
  maxFields: number,
): readonly unknown[] {
  const ids: unknown[] = [];
  const types: unknown[] = [];
  const timestamps: unknown[] = [];
  const versions: unknown[] = [];
  const sources: unknown[] = [];
  const payloads: unknown[] = [];
  let isCommon = !extensions;
  for (const message of messages) {
    const { id, type, timestamp, version, source, payload } = message;
    ids.push(id);
    types.push(type);
    timestamps.push(timestamp);
    versions.push(version);
    sources.push(source);
    payloads.push(payload);
    isCommon &&= hasOnlyCommonFields(message);
  }
  const common = [ids, types, timestamps, versions, sources].map(columnOf);
  const columns = [
    messages.length,
    ...common,
    ...toPayloadColumns(payloads, maxFields),
    ...(isCommon ? [] : [...optionalColumns(messages), extensions]),
  ];
  while (columns[columns.length - 1] === null) columns.pop();
  return columns;
}

function hasOnlyCommonFields({ correlationId, target, priority, ttl, replyTo, headers, metadata }: Message): boolean {
  return (correlationId ?? target ?? priority ?? ttl ?? replyTo ?? headers ?? metadata) === undefined;
}

function optionalColumns(messages: readonly Message[]): readonly unknown[] {
  // Written out: access by computed name takes many times as long.
  return [
    columnOf(messages.map(({ correlationId = null }) => correlationId)),
    columnOf(messages.map(({ target = null }) => target)),
    columnOf(messages.map(({ priority = null }) => priority)),
    columnOf(messages.map(({ ttl = null }) => ttl)),
    columnOf(messages.map(({ replyTo = null }) => replyTo)),
    columnOf(messages.map(({ headers = null }) => headers)),
    columnOf(messages.map(({ metadata = null }) => metadata)),
  ];
}

/**
 * Returns the fields of the messages, unchecked. Columns of a later version are ignored.
 *
 * @throws {Error} If the columns do not fit together.
 */
function fromColumns(columns: readonly unknown[], count: number, maxFields: number): readonly object[] {
  if (!COLUMNS.every((place) => isColumn(columns[place], count))) throw new Error('columns that do not match');
  const [, ids, types, timestamps, versions, sources, ...payloadColumns] = columns;
  const payloads = fromPayloadColumns(count, payloadColumns, maxFields);
  const [correlationIds, targets, priorities, ttls, replyTos, headers, metadata] = columns.slice(FIRST_OPTIONAL, EXTENSIONS_COLUMN);
  return payloads.map((payload, index) => ({
    id: cellOf(ids, index),
    type: cellOf(types, index),
    timestamp: cellOf(timestamps, index),
    version: cellOf(versions, index),
    source: cellOf(sources, index),
    payload,
    // Written out: creating objects by spreading takes many times as long.
    correlationId: cellOf(correlationIds, index),
    target: cellOf(targets, index),
    priority: cellOf(priorities, index),
    ttl: cellOf(ttls, index),
    replyTo: cellOf(replyTos, index),
    headers: cellOf(headers, index),
    metadata: cellOf(metadata, index),
  }));
}

const extensionsOf = (columns: readonly unknown[], index: number): unknown => cellOf(columns[EXTENSIONS_COLUMN], index);
