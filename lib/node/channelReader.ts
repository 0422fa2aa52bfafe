import type { ChannelEntry, ChannelInfo, ChannelQuery, ChannelRetention, ChannelSlice } from '../app/hub/channelLog.js';
import type { ChannelPosition } from '../message/channelTypes.js';
import type { Message } from '../message/types.js';
import {
  backwardRange,
  forwardRange,
  isInside,
  limitsOf,
  PAGE_BYTES,
  PAGE_MESSAGES,
  type ChannelLimits,
  type KeptOffsets,
} from '../app/hub/channelRange.js';
import { nextEpoch } from './channelEpochs.js';
import { isChannelHead, newChannelHead, type ChannelHead } from './channelHead.js';
import { readValue, type Databases } from './lmdbDatabases.js';

export interface ChannelReaderOptions {
  readonly databases: Databases;
  readonly limits: ChannelLimits;
  /** Returns the time of the store. */
  readonly now: () => number;
  /** Decodes a message; undefined for an unreadable one, which is reported. */
  readonly decode: (data: Uint8Array) => Message | undefined;
}

/** The number of channels that are read at once. */
const LIST_CHUNK = 256;

type Part = Pick<ChannelSlice, 'entries' | 'isComplete'>;

/** A channel that is read, without the messages that are too old. */
interface ReadChannel extends ChannelReaderOptions {
  readonly name: string;
  readonly head: ChannelHead;
  /** The offset of the latest removed message. */
  readonly removed: number;
}

/**
 * Reads a part of a channel. All reads of one call see the same snapshot: LMDB renews it between
 * two turns.
 */
export function readChannel(options: ChannelReaderOptions, name: string, query: ChannelQuery): ChannelSlice {
  const { after } = query;
  const channel = openChannel(options, name);
  const { head, decode } = channel;
  const part = after === undefined ? readBackwards(channel, query) : readForwards(channel, after, query);
  const message = head.end && decode(head.end.data);
  return {
    epoch: head.epoch,
    last: head.last,
    ...part,
    ...(head.end && message && { end: { epoch: head.epoch, offset: head.end.offset, message } }),
  };
}

/** Returns whether a channel may have given out a position. */
export function isKnownPosition(options: ChannelReaderOptions, name: string, position: ChannelPosition): boolean {
  return isInside(position, keptIn(openChannel(options, name)));
}

function openChannel(options: ChannelReaderOptions, name: string): ReadChannel {
  const { databases } = options;
  const found = readValue(databases.channels, name);
  const head = isChannelHead(found) ? found : newChannelHead(nextEpoch(databases));
  return { ...options, name, head, removed: firstOf(options, name, head) - 1 };
}

/** Returns the offset behind the latest message that is removed, or has expired. */
function firstOf({ databases, limits, now }: ChannelReaderOptions, name: string, head: ChannelHead): number {
  const since = now() - limitsOf(head.retention ?? {}, limits).maxAge;
  const isExpired = (offset: number): boolean => {
    const [key] = [...databases.channelEntries.getKeys({ start: [name, offset], end: [name, Infinity], limit: 1 })];
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

function readForwards(channel: ReadChannel, after: ChannelPosition | 'start', query: ChannelQuery): Part {
  const { before } = query;
  const { first, isComplete } = forwardRange(after, keptIn(channel));
  const found = before ? storedEntries(channel, first, before.offset) : entriesFrom(channel, first);
  return { entries: firstPage(found, query), isComplete };
}

/** The size of an entry, and the entry if it is readable. */
type SizedEntry = readonly [size: number, entry: ChannelEntry | undefined];

/** Returns the first entries, up to the size of a page. Reads no others. */
function firstPage(found: Iterable<SizedEntry>, { limit, maxBytes = PAGE_BYTES }: ChannelQuery): readonly ChannelEntry[] {
  const entries: ChannelEntry[] = [];
  if (limit === 0) return entries;
  let bytes = 0;
  for (const [size, entry] of found) {
    if (entries.length > 0 && bytes + size > maxBytes) break;
    if (entry) entries.push(entry);
    bytes += size;
    if (entries.length >= limit) break;
  }
  return entries;
}

/** Yields the entries from an offset on, up to another one, exclusive. */
function* storedEntries(channel: ReadChannel, from: number, end: number): Generator<SizedEntry> {
  const { databases, name } = channel;
  for (const { key, value } of databases.channelEntries.getRange({ start: [name, from], end: [name, end] }))
    yield [key[3], entryOf(channel, key[1], value)];
}

/**
 * Yields the entries from an offset on. A compacted entry takes the place of those that it stands
 * for.
 */
function* entriesFrom(channel: ReadChannel, from: number): Generator<SizedEntry> {
  const { databases, head } = channel;
  for (let next = from; next <= head.last;) {
    const compacted = compactedFrom(channel, next);
    const until = compacted?.[1] ?? head.last + 1;
    yield* storedEntries(channel, next, until);
    next = until;
    if (!compacted) continue;
    const [, first, offset, size] = compacted;
    const entry = entryOf(channel, offset, databases.compactedEntries.get(compacted) ?? new Uint8Array());
    yield [size, entry && { ...entry, first }];
    next = offset + 1;
  }
}

/** Returns the first compacted entry that begins at an offset or behind it. */
function compactedFrom({ databases, name, head }: ReadChannel, from: number) {
  if (head.compacted === 0) return undefined;
  return [...databases.compactedEntries.getKeys({ start: [name, from], end: [name, Infinity], limit: 1 })][0];
}

function readBackwards(channel: ReadChannel, query: ChannelQuery): Part {
  const { databases, name, removed } = channel;
  const { before, limit } = query;
  const { end, isKnown } = backwardRange(before, keptIn(channel));
  const range = { start: [name, end], end: [name, removed + 1], reverse: true, limit };
  const keys = limit > 0 ? [...databases.channelEntries.getKeys(range)] : [];
  const first = keys.at(-1)?.[1] ?? end;
  return {
    entries: firstPage(storedEntries(channel, first, end), { ...query, limit: Math.min(limit, PAGE_MESSAGES) }),
    isComplete: isKnown && (keys.length === limit || removed === 0),
  };
}

function keptIn({ databases, name, head: { epoch, last }, removed }: ReadChannel): KeptOffsets {
  /** A reader may have the offset of a message, or that in front of one. */
  const isHole = (offset: number): boolean =>
    [...databases.channelEntries.getKeys({ start: [name, offset], end: [name, offset + 2], limit: 1 })].length === 0;
  return { epoch, last, removed, isHole };
}

function entryOf({ head, decode }: ReadChannel, offset: number, data: Uint8Array): ChannelEntry | undefined {
  const message = decode(data);
  return message && { epoch: head.epoch, offset, message };
}

/** Returns the limits that are stored with a channel. */
export function retentionOf({ channels }: Databases, name: string): ChannelRetention {
  const head = readValue(channels, name);
  return (isChannelHead(head) && head.retention) || {};
}

/**
 * Yields the channels whose names begin with `prefix`. Reads them in parts: an open snapshot would
 * keep LMDB from reusing free pages.
 */
export function* listChannels({ channels }: Databases, prefix: string): Generator<ChannelInfo> {
  let start = prefix;
  for (;;) {
    const names = [...channels.getKeys({ ...(start && { start }), limit: LIST_CHUNK })];
    for (const name of names) {
      if (!name.startsWith(prefix)) return;
      const head = readValue(channels, name);
      if (isChannelHead(head) && head.last > 0) yield infoOf(name, head);
    }
    if (names.length < LIST_CHUNK) return;
    // The first key behind the last one: no name contains this character.
    start = `${names.at(-1)}\u0001`;
  }
}

function infoOf(name: string, { epoch, last, date, end }: ChannelHead): ChannelInfo {
  return { name, last: { epoch, offset: last }, at: date, hasEnded: end !== undefined };
}
