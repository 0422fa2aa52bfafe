import type { Message } from '../../message/types.js';
import { cellOf, columnOf, isColumn } from './columnCells.js';
import type { ExtensionTypes } from './extensionTypes.js';
import { fromPayloadColumns, toPayloadColumns } from './payloadColumns.js';

/** The indexes of the first optional column and of the extension types. */
const FIRST_OPTIONAL = 10;
const EXTENSION_TYPES = 17;
/** The indexes of all columns but those of payloads. */
const COLUMNS = [1, 2, 3, 4, 5, 6, 10, 11, 12, 13, 14, 15, 16, 17];

/**
 * Encodes a batch of two or more messages by columns, so that common values and the field names of
 * payloads are encoded once. Optional fields come last, and missing columns at the end are omitted.
 *
 * @param maxFields The maximum number of payload fields to encode as columns.
 */
export function toColumns(
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
  const { which, shapes, fields, others: unshaped } = toPayloadColumns(payloads, maxFields);
  const columns = [
    messages.length,
    ...common,
    which,
    shapes,
    fields,
    unshaped,
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
export function fromColumns(columns: readonly unknown[], count: number, maxFields: number): readonly object[] {
  if (!COLUMNS.every((place) => isColumn(columns[place], count))) throw new Error('columns that do not match');
  const [, ids, types, timestamps, versions, sources, which, shapes, fields, unshaped] = columns;
  const payloads = fromPayloadColumns(count, { which, shapes, fields, others: unshaped }, maxFields);
  const [correlationIds, targets, priorities, ttls, replyTos, headers, metadata] = columns.slice(FIRST_OPTIONAL, EXTENSION_TYPES);
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

/** Returns the extension types of one message. */
export const extensionsOf = (columns: readonly unknown[], index: number): unknown => cellOf(columns[EXTENSION_TYPES], index);
