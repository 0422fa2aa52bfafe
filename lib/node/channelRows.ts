import { randomInt } from 'node:crypto';
import type { ChannelEntry, ChannelRetention } from '../app/hub/channelLog.js';
import type { ChannelPosition } from '../message/channelTypes.js';
import { limitsOf, type ChannelLimits } from '../app/hub/channelRange.js';
import { changeNextEpoch, nextEpoch, runOf } from './channelEpochs.js';
import { isChannelHead, newChannelHead, type ChannelHead, type ChannelSlot } from './channelHead.js';
import { countOf, readValue, type Databases } from './lmdbDatabases.js';
import type { StoreClock } from './storeClock.js';

export interface ChannelRowsOptions {
  readonly databases: Databases;
  readonly limits: ChannelLimits;
  /** The maximum size of the messages of all channels, in bytes. */
  readonly maxTotalBytes: number;
  /** The maximum number of channels. */
  readonly maxChannels: number;
  readonly clock: StoreClock;
  /** Returns the date, in ms since 1970. */
  readonly date: () => number;
  /** Returns whether a channel has subscribers: it is not forgotten. */
  readonly isObserved: (channel: string) => boolean;
  /** Called with each unreadable record. */
  readonly onCorrupt: () => void;
}

/** The changes of one transaction. All methods must be called inside it. */
export interface ChannelEdit {
  /** Returns the encoded message that has ended the channel. */
  endOf(channel: string): Uint8Array | undefined;
  append(channel: string, data: Uint8Array, isEnd: boolean): ChannelPosition;
  retain(channel: string, retention: ChannelRetention): void;
  /**
   * Stores an entry that stands for several. Does nothing if the first of them is removed already.
   */
  compact(channel: string, entry: Required<Omit<ChannelEntry, 'message'>>, data: Uint8Array): void;
  /** Removes what exceeds the limits, and stores the heads. To be called once, at the end. */
  end(): void;
}

/**
 * The channels by the time at which their latest message expires, and those without messages by the
 * time at which they became empty.
 */
const FILLED = 'channel';
const EMPTY = 'emptyChannel';
/**
 * The resolution of the index, in ms: a channel in constant use is moved no more often than that.
 */
const STEP = 1_000;

/**
 * The maximum number of messages that one transaction removes in addition to those that it appends,
 * to bound its time.
 */
const MAX_REMOVALS = 1_000;
/** The maximum number of other channels that one transaction trims or forgets. */
const MAX_SWEPT = 32;
/** The number of keys that are read at once. */
const CHUNK = 16;

const TOTAL = 'channelBytes';
/**
 * The range of the hole that a run leaves in front of its first message of a channel. A folder
 * that was restored from a backup so gives other offsets to its messages than the run that was
 * lost: a reader of the lost messages is at an offset that no message has. The probability that
 * they meet is the number of lost messages in 268 million. The text of a position has room for 7
 * million runs.
 */
const MAX_HOLE = 2 ** 28;

/** Begins the changes of one transaction. */
export function editChannels(options: ChannelRowsOptions): ChannelEdit {
  const { databases, limits, clock, date } = options;
  const { channels, channelEntries, compactedEntries, counters } = databases;
  clock.save(counters);
  const now = clock.now();
  const run = runOf(databases);
  const heads = new Map<string, ChannelHead>();
  const appended = new Map<string, number>();
  let total = counters.get(TOTAL) ?? 0;

  const headOf = (name: string): ChannelHead => {
    const known = heads.get(name);
    if (known) return known;
    const found = readValue(channels, name);
    if (found !== undefined && !isChannelHead(found)) {
      options.onCorrupt();
      total -= clearRows(databases, name);
      forget(databases, name);
    }
    const head = isChannelHead(found) ? found : newChannelHead(nextEpoch(databases));
    heads.set(name, head);
    return head;
  };
  const change = (name: string, head: ChannelHead): void => {
    total += head.bytes - (heads.get(name)?.bytes ?? 0);
    heads.set(name, head);
  };
  const store = (name: string): void => {
    const head = headOf(name);
    const slot = slotOf(head, limitsOf(head.retention ?? {}, limits).maxAge, now);
    if (slot !== head.slot) {
      if (head.slot) databases.lastUsed.removeSync([...head.slot, name]);
      databases.lastUsed.putSync([...slot, name], true);
    }
    heads.set(name, { ...head, slot });
    channels.putSync(name, { ...head, slot });
  };
  const trim = (name: string, isExcess: Excess, max: number): number => {
    const before = headOf(name);
    change(name, trimChannel(databases, { name, head: before, isExcess, max }));
    return before.count - headOf(name).count;
  };

  return {
    endOf: (name) => headOf(name).end?.data,
    append(name, data, isEnd) {
      const head = headOf(name);
      const offset = head.last + 1 + (head.run < run ? randomInt(MAX_HOLE) : 0);
      // The clock of an earlier process may have been ahead.
      const at = Math.max(now, head.at);
      channelEntries.putSync([name, offset, at, data.length], data);
      const bytes = head.bytes + data.length;
      const next = { last: offset, run: Math.max(run, head.run), count: head.count + 1, bytes, at, date: date() };
      change(name, { ...head, ...next, ...(isEnd && { end: { offset, data } }) });
      appended.set(name, (appended.get(name) ?? 0) + 1);
      return { epoch: head.epoch, offset };
    },
    retain: (name, retention) => change(name, { ...headOf(name), retention }),
    compact(name, { epoch, first, offset }, data) {
      const head = headOf(name);
      if (epoch !== head.epoch || first < head.first || offset > head.last) return;
      const replaced = removeCompacted(databases, [name, first], [name, first + 1]);
      compactedEntries.putSync([name, first, offset, data.length], data);
      change(name, {
        ...head,
        bytes: head.bytes + data.length - replaced.bytes,
        compacted: head.compacted + 1 - replaced.count,
      });
    },
    end() {
      for (const name of [...heads.keys()]) {
        const { maxMessages, maxBytes, maxAge } = limitsOf(headOf(name).retention ?? {}, limits);
        const isExcess: Excess = (head, at) => head.count > maxMessages || head.bytes > maxBytes || at + maxAge <= now;
        trim(name, isExcess, (appended.get(name) ?? 0) + MAX_REMOVALS);
        store(name);
      }
      sweep(options, { now, total: () => total, headOf, trim, store, drop: (name) => heads.delete(name) });
      if (total !== counters.get(TOTAL)) counters.putSync(TOTAL, total);
    },
  };
}

/** Returns whether the oldest message must go. `at` is its time. */
type Excess = (head: ChannelHead, at: number) => boolean;

interface SweepParts {
  readonly now: number;
  readonly total: () => number;
  readonly headOf: (name: string) => ChannelHead;
  readonly trim: (name: string, isExcess: Excess, max: number) => number;
  readonly store: (name: string) => void;
  readonly drop: (name: string) => void;
}

/**
 * Removes messages of idle channels, beginning with the channel whose messages expire first. Then
 * removes channels without messages.
 */
function sweep({ databases, limits, maxTotalBytes, maxChannels, isObserved }: ChannelRowsOptions, parts: SweepParts): void {
  const { channels, lastUsed } = databases;
  const { now, total, headOf, trim, store } = parts;
  const firstOf = (kind: string): readonly [string, number, string] | undefined =>
    [...lastUsed.getKeys({ start: [kind], end: [kind, Infinity], limit: 1 })][0] as [string, number, string] | undefined;

  let left = MAX_REMOVALS;
  for (let swept = 0; swept < MAX_SWEPT && left > 0; swept++) {
    const slot = firstOf(FILLED);
    const isCrowded = countOf(channels) > maxChannels && !firstOf(EMPTY);
    const isOver = isCrowded || total() > maxTotalBytes;
    if (!slot || (!isOver && (slot[1] + 1) * STEP > now)) break;
    const [, , name] = slot;
    const { maxAge } = limitsOf(headOf(name).retention ?? {}, limits);
    const others = total() - headOf(name).bytes;
    left -= trim(name, (head, at) => isCrowded || others + head.bytes > maxTotalBytes || at + maxAge <= now, left);
    // If a head was unreadable, its entry in the index is out of date.
    if (!isSlot(headOf(name), slot)) lastUsed.removeSync([...slot]);
    store(name);
  }
  for (let swept = 0; swept < MAX_SWEPT && countOf(channels) > maxChannels; swept++) {
    const slot = firstOf(EMPTY);
    if (!slot) break;
    const [kind, , name] = slot;
    lastUsed.removeSync([...slot]);
    const head = headOf(name);
    parts.drop(name);
    if (!isSlot(head, slot)) continue;
    if (!isObserved(name)) {
      forget(databases, name);
      continue;
    }
    // Behind the others.
    const moved: ChannelSlot = [kind, stepOf(now)];
    lastUsed.putSync([...moved, name], true);
    channels.putSync(name, { ...head, slot: moved });
    if (slot[1] === moved[1]) break;
  }
}

const stepOf = (at: number): number => Math.min(Math.floor(at / STEP), Number.MAX_SAFE_INTEGER);
const isSlot = ({ slot }: ChannelHead, [kind, step]: ChannelSlot | readonly [string, number, string]): boolean =>
  slot?.[0] === kind && slot[1] === step;

/** Returns the place of a channel in the index: the present one if it need not change. */
function slotOf(head: ChannelHead, maxAge: number, now: number): ChannelSlot {
  const { slot } = head;
  const isEmpty = head.count === 0;
  if (slot && isEmpty && slot[0] === EMPTY) return slot;
  const next: ChannelSlot = isEmpty ? [EMPTY, stepOf(now)] : [FILLED, stepOf(head.at + maxAge)];
  return slot && isSlot(head, next) ? slot : next;
}

interface TrimOptions {
  readonly name: string;
  readonly head: ChannelHead;
  readonly isExcess: Excess;
  /** The maximum number of messages to remove. */
  readonly max: number;
}

/** Removes the oldest messages of a channel. Returns the new head. */
function trimChannel(databases: Databases, { name, head: before, isExcess, max }: TrimOptions): ChannelHead {
  const { channelEntries } = databases;
  let head = before;
  let isDone = false;
  for (let removed = 0; !isDone && removed < max && head.count > 0;) {
    const keys = [...channelEntries.getKeys({ start: [name, head.first], end: [name, head.last + 1], limit: CHUNK })];
    // Rows that do not exist need no removal.
    if (keys.length === 0) head = { ...head, first: head.last + 1, count: 0 };
    for (const key of keys) {
      const [, offset, at, size] = key;
      isDone = removed === max || !isExcess(head, at);
      if (isDone) break;
      channelEntries.removeSync(key);
      removed++;
      head = { ...head, first: offset + 1, count: head.count - 1, bytes: head.bytes - size };
    }
  }
  if (head.first === before.first) return head;
  const { count, bytes } = head.compacted > 0 ? removeCompacted(databases, [name], [name, head.first]) : { count: 0, bytes: 0 };
  head = { ...head, compacted: head.compacted - count, bytes: head.bytes - bytes };
  return head.count > 0 ? head : { ...head, bytes: 0 };
}

interface Removed {
  readonly count: number;
  readonly bytes: number;
}

/** Removes the compacted entries of a range. */
function removeCompacted({ compactedEntries }: Databases, start: readonly unknown[], end: readonly unknown[]): Removed {
  const keys = [...compactedEntries.getKeys({ start, end } as object)];
  for (const key of keys) compactedEntries.removeSync(key);
  return { count: keys.length, bytes: keys.reduce((sum, [, , , size]) => sum + size, 0) };
}

/** Removes all entries of a channel, and returns their size. */
function clearRows(databases: Databases, name: string): number {
  const { channelEntries } = databases;
  const keys = [...channelEntries.getKeys({ start: [name], end: [name, Infinity] })];
  for (const key of keys) channelEntries.removeSync(key);
  return removeCompacted(databases, [name], [name, Infinity]).bytes + keys.reduce((sum, [, , , size]) => sum + size, 0);
}

/** Removes a channel that has no entries. Its name begins another epoch. */
function forget(databases: Databases, name: string): void {
  databases.channels.removeSync(name);
  changeNextEpoch(databases);
}
