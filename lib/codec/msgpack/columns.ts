import type { Message } from '../../message/types.js';
import { cellOf, columnOf, isColumn } from './column.js';
import type { Kinds } from './kinds.js';
import { assemble, takeApart } from './shapes.js';

/** Where the columns of rare fields begin, and where that of kinds is. */
const RARE = 10;
const KINDS = 17;
/** All columns but those of payloads. */
const PLAIN = [1, 2, 3, 4, 5, 6, 10, 11, 12, 13, 14, 15, 16, 17];

/**
 * A batch of two and more as columns: what its messages have in common, and the names of the fields of their payloads, travel once. What comes
 * last is missing most often, and is cut.
 *
 * @param maxFields How many fields of payloads may travel so.
 */
export function toColumns(messages: readonly Message[], kinds: readonly (Kinds | null)[] | null, maxFields: number): readonly unknown[] {
  const ids: unknown[] = [];
  const types: unknown[] = [];
  const timestamps: unknown[] = [];
  const versions: unknown[] = [];
  const sources: unknown[] = [];
  const payloads: unknown[] = [];
  let isPlain = !kinds;
  for (const message of messages) {
    const { id, type, timestamp, version, source, payload } = message;
    ids.push(id);
    types.push(type);
    timestamps.push(timestamp);
    versions.push(version);
    sources.push(source);
    payloads.push(payload);
    isPlain &&= hasNothingRare(message);
  }
  const common = [ids, types, timestamps, versions, sources].map(columnOf);
  const { which, shapes, fields, others } = takeApart(payloads, maxFields);
  const columns = [messages.length, ...common, which, shapes, fields, others, ...(isPlain ? [] : [...rare(messages), kinds])];
  while (columns[columns.length - 1] === null) columns.pop();
  return columns;
}

function hasNothingRare({ correlationId, target, priority, ttl, replyTo, headers, metadata }: Message): boolean {
  return (correlationId ?? target ?? priority ?? ttl ?? replyTo ?? headers ?? metadata) === undefined;
}

function rare(messages: readonly Message[]): readonly unknown[] {
  // Field by field: to look for them by name takes many times as long.
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
 * The fields of so many messages, unchecked; columns of a later version are left out.
 *
 * @throws {Error} When the columns do not fit together.
 */
export function fromColumns(columns: readonly unknown[], count: number, maxFields: number): readonly object[] {
  if (!PLAIN.every((place) => isColumn(columns[place], count))) throw new Error('columns that do not fit');
  const [, ids, types, timestamps, versions, sources, which, shapes, fields, others] = columns;
  const payloads = assemble(count, { which, shapes, fields, others }, maxFields);
  const [correlationIds, targets, priorities, ttls, replyTos, headers, metadata] = columns.slice(RARE, KINDS);
  return payloads.map((payload, index) => ({
    id: cellOf(ids, index),
    type: cellOf(types, index),
    timestamp: cellOf(timestamps, index),
    version: cellOf(versions, index),
    source: cellOf(sources, index),
    payload,
    // Written out: objects that are made by spreading others take many times as long.
    correlationId: cellOf(correlationIds, index),
    target: cellOf(targets, index),
    priority: cellOf(priorities, index),
    ttl: cellOf(ttls, index),
    replyTo: cellOf(replyTos, index),
    headers: cellOf(headers, index),
    metadata: cellOf(metadata, index),
  }));
}

/** What the payload of one message really is. */
export const kindsOf = (columns: readonly unknown[], index: number): unknown => cellOf(columns[KINDS], index);
