import type { ChannelEntry, ChannelInfo, ChannelQuery, ChannelSlice } from '../../channels/channelLog.js';
import { isInside, limitsOf, PAGE_BYTES, rangeOf, type ChannelRange, type KeptOffsets } from '../../channels/channelRange.js';
import type { ChannelPosition } from '../../message/channelTypes.js';
import type { Message } from '../../message/types.js';
import { headIn, type ChannelRowsOptions, type LmdbChannelHead } from './channelRows.js';
import { firstKey, type Databases } from './lmdbDatabases.js';

export interface ChannelReaderOptions extends Pick<ChannelRowsOptions, 'databases' | 'limits' | 'clock'> {
  /** Decodes a message; undefined for an unreadable one, which is reported. */
  readonly decode: (data: Uint8Array) => Message | undefined;
}

const LIST_CHUNK = 256;

/** Reads a part of a channel. One call sees one snapshot: LMDB renews it between two turns. */
export function readChannel(options: ChannelReaderOptions, name: string, query: ChannelQuery): ChannelSlice {
  const head = headIn(options.databases, name);
  const { epoch, last, end } = head;
  const range = rangeOf(query, offsetsOf(options, name, head));
  const { entries, isReadable } = firstPage(entriesIn(options, name, head, range), query);
  const message = end && options.decode(end.data);
  // A reader that passes over an unreadable message misses it.
  const isComplete = range.isComplete && (isReadable || query.after === undefined);
  return { epoch, last, entries, isComplete, ...(message && { end: { epoch, offset: end.offset, message } }) };
}

export function isKnownPosition(options: ChannelReaderOptions, name: string, position: ChannelPosition): boolean {
  return isInside(position, offsetsOf(options, name, headIn(options.databases, name)));
}

/** Returns the offsets of the messages that are not too old. */
function offsetsOf(options: ChannelReaderOptions, name: string, head: LmdbChannelHead): KeptOffsets {
  const { channelEntries } = options.databases;
  const { epoch, last } = head;
  const removed = firstOf(options, name, head) - 1;
  return {
    epoch,
    last,
    removed,
    hasEnded: head.end !== undefined,
    // A reader may have the offset of a message, or that in front of one.
    isMissing: (offset) => firstKey(channelEntries, [name, offset], [name, offset + 2]) === undefined,
    lastOffsets(end, limit) {
      const range = { start: [name, end], end: [name, removed + 1], reverse: true, limit };
      const keys = limit > 0 ? [...channelEntries.getKeys(range)] : [];
      return { first: keys.at(-1)?.[1] ?? end, count: keys.length };
    },
  };
}

/** Returns the offset behind the latest message that is removed, or has expired. */
function firstOf({ databases, limits, clock }: ChannelReaderOptions, name: string, head: LmdbChannelHead): number {
  const since = clock.now() - limitsOf(head.retention ?? {}, limits).maxAge;
  // A channel that has ended expires as a whole.
  if (head.end) return head.at <= since ? head.last + 1 : head.first;
  const isExpired = (offset: number): boolean => {
    const key = firstKey(databases.channelEntries, [name, offset], [name, Infinity]);
    return key === undefined || key[2] <= since;
  };
  let [low, high] = [head.first, head.last + 1];
  if (head.count === 0 || !isExpired(low)) return low;
  // The times rise with the offsets.
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (isExpired(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The size of an entry, and the entry if it is readable. */
type SizedEntry = readonly [size: number, entry: ChannelEntry | undefined];

/**
 * Returns the first entries, up to the size of a page, and whether it contains no unreadable one.
 * Reads no others.
 */
function firstPage(found: Iterable<SizedEntry>, { limit, maxBytes = PAGE_BYTES }: ChannelQuery) {
  const entries: ChannelEntry[] = [];
  let [bytes, isReadable] = [0, true];
  for (const [size, entry] of limit === 0 ? [] : found) {
    if (entries.length > 0 && bytes + size > maxBytes) break;
    if (entry) entries.push(entry);
    else isReadable = false;
    bytes += size;
    if (entries.length >= limit) break;
  }
  return { entries, isReadable };
}

function* entriesIn(
  { databases, decode }: ChannelReaderOptions,
  name: string,
  head: LmdbChannelHead,
  { first, end, isCompacted }: ChannelRange,
): Generator<SizedEntry> {
  const { channelEntries, compactedEntries } = databases;
  const sizedEntry = (size: number, offset: number, data: Uint8Array): SizedEntry => {
    const message = decode(data);
    return [size, message && { epoch: head.epoch, offset, message }];
  };
  for (let next = first; next < end;) {
    const compacted = isCompacted && head.compacted > 0 ? firstKey(compactedEntries, [name, next], [name, end]) : undefined;
    const until = compacted?.[1] ?? end;
    for (const { key, value } of channelEntries.getRange({ start: [name, next], end: [name, until] }))
      yield sizedEntry(key[3], key[1], value);
    if (!compacted) return;
    const [, from, offset, size] = compacted;
    const [, entry] = sizedEntry(size, offset, compactedEntries.get(compacted) ?? new Uint8Array());
    yield [size, entry && { ...entry, first: from }];
    next = offset + 1;
  }
}

/** Yields the channels of a prefix, in parts: LMDB does not reuse pages of an open snapshot. */
export function* listLmdbChannels(databases: Databases, prefix: string): Generator<ChannelInfo> {
  const { channels } = databases;
  let start = prefix;
  for (;;) {
    const names = [...channels.getKeys({ ...(start && { start }), limit: LIST_CHUNK })];
    for (const name of names) {
      if (!name.startsWith(prefix)) return;
      const { epoch, last, date: at, end } = headIn(databases, name);
      if (last > 0) yield { name, last: { epoch, offset: last }, at, hasEnded: end !== undefined };
    }
    if (names.length < LIST_CHUNK) return;
    // The first key behind the last one: no name contains this character.
    start = `${names.at(-1)}\u0001`;
  }
}
