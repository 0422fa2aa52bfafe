import { randomInt } from 'node:crypto';
import type { Database } from 'lmdb';
import type { ChannelEntry, ChannelRetention } from '../../channels/channelLog.js';
import { limitsOf, type ChannelLimits } from '../../channels/channelRange.js';
import type { ChannelPosition } from '../../message/channelTypes.js';
import { countOf, readValue, type ChannelEntryKey, type CompactedEntryKey, type Databases, type LmdbKey } from './lmdbDatabases.js';
import type { StoreClock } from './storeClock.js';

/** The stored state of a channel. A transaction changes it in place. */
export interface LmdbChannelHead {
  readonly epoch: string;
  /** The offset behind the latest removed message. */
  first: number;
  /** The offset of the latest message; 0 if there was none. */
  last: number;
  /** The run that has stored the latest message. */
  run: number;
  count: number;
  /** The size of the stored messages, compacted ones included. */
  bytes: number;
  /** The time of the latest message, by the clock of the store. */
  at: number;
  /** The time of the latest message, in ms since 1970. */
  date: number;
  compacted: number;
  /** The message that has ended the channel, encoded: it is read also when its entry is removed. */
  end?: { readonly offset: number; readonly data: Uint8Array };
  retention?: ChannelRetention;
  /** The place in the index of channels. */
  slot?: ChannelSlot;
}

/** The kind of an index and a time: when a channel expires, or when it became empty. */
type ChannelSlot = readonly [kind: string, step: number];

const FILLED = 'channel';
const EMPTY = 'emptyChannel';
/** The resolution of the index, in ms: a channel in constant use moves no more often. */
const STEP = 1_000;

/** The maximum number of changes in a transaction, to bound its time. */
export const MAX_CHANGES = 1_000;
/** The maximum number of messages that a transaction removes, besides as many as it appends. */
const MAX_REMOVALS = 1_000;
/** The maximum number of other channels that one transaction trims or forgets. */
const MAX_SWEPT = 32;
const CHUNK = 16;

/** The time of a channel whose messages have all expired. */
const EXPIRED = -Number.MAX_SAFE_INTEGER;

const TOTAL = 'channelBytes';
const EPOCH = 'channelLog';
/** The range of epochs, and of runs. */
const MAX_ID = 2 ** 47;
/** The run that has created the log. */
const FIRST_RUN = 1;
/**
 * The range of the gap that a run leaves in front of its first message of a channel. A folder
 * that was restored from a backup so gives other offsets to its messages than the run that was
 * lost: a reader of the lost messages is at an offset that no message has. The probability that
 * they meet is the number of lost messages in 268 million. The text of a position has room for 7
 * million runs.
 */
const MAX_RUN_GAP = 2 ** 28;

/** The runs of the environments that this process has opened. */
const runs = new WeakMap<Databases, number>();

/**
 * Returns what identifies the present run: the time from opening the folder to closing it. Also
 * makes the folder a log of channels if it is none.
 */
export function identifyRun(databases: Databases): number {
  const isNew = !databases.counters.doesExist(EPOCH);
  if (isNew) changeNextEpoch(databases);
  const run = runs.get(databases) ?? (isNew ? FIRST_RUN : randomInt(FIRST_RUN + 1, MAX_ID));
  runs.set(databases, run);
  return run;
}

/**
 * Makes all channels that are created from now on begin another epoch: when a channel was
 * forgotten, clients must not mistake its new offsets for old ones.
 */
function changeNextEpoch({ counters }: Databases): void {
  counters.putSync(EPOCH, randomInt(MAX_ID));
}

/**
 * Returns the stored head of a channel, or a new one. A channel that does not exist yet has its
 * epoch already: a reader that waits for its first message keeps its position.
 *
 * @param found The stored value.
 */
export function headIn({ channels, counters }: Databases, name: string, found = readValue(channels, name)): LmdbChannelHead {
  if (isChannelHead(found)) return found;
  const epoch = (counters.get(EPOCH) ?? 0).toString(36);
  return { epoch, first: 1, last: 0, run: FIRST_RUN, count: 0, bytes: 0, at: 0, date: 0, compacted: 0 };
}

function isChannelHead(value: unknown): value is LmdbChannelHead {
  const { epoch, first, last, run, count, bytes, at, date, compacted, end } = Object(value) as Partial<
    Record<keyof LmdbChannelHead, unknown>
  >;
  const { offset, data } = Object(end ?? {}) as Partial<Record<'offset' | 'data', unknown>>;
  const areNumbers = [first, last, run, count, bytes, at, date, compacted].every(Number.isFinite);
  return typeof epoch === 'string' && areNumbers && (end === undefined || (Number.isFinite(offset) && data instanceof Uint8Array));
}

export interface ChannelRowsOptions {
  readonly databases: Databases;
  /** See {@link identifyRun}. */
  readonly run: number;
  readonly limits: ChannelLimits;
  /** The maximum size of the messages of all channels, in bytes. */
  readonly maxTotalBytes: number;
  readonly maxChannels: number;
  readonly clock: StoreClock;
  /** Returns whether a channel has subscribers: it is not forgotten. */
  readonly isObserved: (channel: string) => boolean;
  /** Called with each unreadable record. */
  readonly onCorrupt: () => void;
}

/** The changes of one transaction. */
export interface ChannelEdit extends ChannelRowsOptions {
  readonly now: number;
  readonly heads: Map<string, LmdbChannelHead>;
  /** The size of the messages of all channels, in bytes. */
  total: number;
}

/** Begins the changes of one transaction. {@link endEdit} stores the heads. */
export function beginEdit(options: ChannelRowsOptions): ChannelEdit {
  const { clock, databases } = options;
  clock.save(databases.counters);
  return { ...options, now: clock.now(), heads: new Map(), total: databases.counters.get(TOTAL) ?? 0 };
}

/** Returns the head of a channel, which the transaction may change. */
export function headOf(edit: ChannelEdit, name: string): LmdbChannelHead {
  const { heads, databases } = edit;
  const known = heads.get(name);
  if (known) return known;
  const found = readValue(databases.channels, name);
  if (found !== undefined && !isChannelHead(found)) {
    edit.onCorrupt();
    edit.total -= removeRows(databases.channelEntries, [name], [name, Infinity]).bytes;
    edit.total -= removeRows(databases.compactedEntries, [name], [name, Infinity]).bytes;
    forget(databases, name);
  }
  const head = headIn(databases, name, found);
  heads.set(name, head);
  return head;
}

export function appendRow(edit: ChannelEdit, name: string, data: Uint8Array, isEnd: boolean): ChannelPosition {
  const { databases, run, now, clock } = edit;
  const head = headOf(edit, name);
  const offset = head.last + 1 + (head.run === run ? 0 : randomInt(MAX_RUN_GAP));
  // The clock of an earlier process may have been ahead.
  const at = Math.max(now, head.at);
  databases.channelEntries.putSync([name, offset, at, data.length], data);
  Object.assign(head, { last: offset, run, at, date: clock.date() });
  if (isEnd) head.end = { offset, data };
  head.count++;
  resize(edit, head, data.length);
  return { epoch: head.epoch, offset };
}

/** Stores an entry that stands for several, unless the first of them is removed already. */
export function compactRows(
  edit: ChannelEdit,
  name: string,
  { epoch, first, offset }: Omit<Required<ChannelEntry>, 'message'>,
  data: Uint8Array,
): void {
  const head = headOf(edit, name);
  if (epoch !== head.epoch || first < head.first || offset > head.last) return;
  // A channel that has ended remains whole.
  if (head.end && head.bytes + data.length > limitsIn(edit, name).maxBytes) return;
  removeCompacted(edit, name, first, first + 1);
  edit.databases.compactedEntries.putSync([name, first, offset, data.length], data);
  head.compacted++;
  resize(edit, head, data.length);
}

/** Removes what exceeds the limits, and stores the heads. To be called once, at the end. */
export function endEdit(edit: ChannelEdit): void {
  const { counters } = edit.databases;
  for (const name of [...edit.heads.keys()]) {
    const { maxMessages, maxBytes, maxAge } = limitsIn(edit, name);
    // The end displaces no other message of its channel.
    const isExcess: Excess = ({ count, bytes, end }, at) =>
      count > maxMessages + (end ? 1 : 0) || bytes > maxBytes + (end?.data.length ?? 0) || at + maxAge <= edit.now;
    trim(edit, name, MAX_CHANGES + MAX_REMOVALS, isExcess);
    store(edit, name);
  }
  trimOthers(edit);
  forgetOthers(edit);
  if (edit.total !== counters.get(TOTAL)) counters.putSync(TOTAL, edit.total);
}

/** Trims idle channels, beginning with the channel whose messages expire first. */
function trimOthers(edit: ChannelEdit): void {
  const { databases, maxTotalBytes, maxChannels, isObserved, now } = edit;
  const { channels, lastUsed } = databases;
  const isIdle = ([, , name]: NamedSlot): boolean => !isObserved(name);
  let left = MAX_REMOVALS;
  for (let swept = 0; swept < MAX_SWEPT && left > 0; swept++) {
    const empty = countOf(channels) > maxChannels ? firstSlots(databases, EMPTY) : undefined;
    // A channel that has subscribers is not forgotten: its messages make no room.
    const isFull = empty && empty.length < MAX_SWEPT && !empty.some(isIdle);
    const idle = isFull ? firstSlots(databases, FILLED).find(isIdle) : undefined;
    const slot = idle ?? firstSlots(databases, FILLED, 1)[0];
    const isCrowded = idle !== undefined;
    const isOver = isCrowded || edit.total > maxTotalBytes;
    if (!slot || (!isOver && (slot[1] + 1) * STEP > now)) return;
    const [, , name] = slot;
    const { maxAge } = limitsIn(edit, name);
    const isExcess: Excess = (_, at) => isCrowded || edit.total > maxTotalBytes || at + maxAge <= now;
    left -= trim(edit, name, left, isExcess, true);
    // If a head was unreadable, its entry in the index is out of date.
    if (!isSlot(headOf(edit, name), slot)) lastUsed.removeSync([...slot]);
    store(edit, name);
  }
}

/** Removes channels without messages, first the one that was empty for the longest time. */
function forgetOthers(edit: ChannelEdit): void {
  const { databases, maxChannels, isObserved, now } = edit;
  if (countOf(databases.channels) <= maxChannels) return;
  for (const slot of firstSlots(databases, EMPTY)) {
    if (countOf(databases.channels) <= maxChannels) return;
    const [, step, name] = slot;
    if (isObserved(name) && step === stepOf(now)) continue;
    databases.lastUsed.removeSync([...slot]);
    const head = headOf(edit, name);
    if (!isSlot(head, slot)) continue;
    if (!isObserved(name)) {
      forget(databases, name);
      continue;
    }
    // Behind the others.
    delete head.slot;
    store(edit, name);
  }
}

/** Returns whether the oldest message must go. `at` is its time. */
type Excess = (head: LmdbChannelHead, at: number) => boolean;

/**
 * Removes the oldest messages of a channel: up to `max` of them. Returns their number. The messages
 * of a channel that has ended are as old as its end.
 *
 * @param isWhole Whether all messages of a channel that has ended go with the first one.
 */
function trim(edit: ChannelEdit, name: string, max: number, isExcess: Excess, isWhole = false): number {
  const { channelEntries } = edit.databases;
  const head = headOf(edit, name);
  const { first, end } = head;
  let removed = 0;
  for (let isDone = head.count === 0; !isDone;) {
    const keys = [...channelEntries.getKeys({ start: [name, head.first], end: [name, head.last + 1], limit: CHUNK })];
    for (const key of keys) {
      const [, offset, at, size] = key;
      isDone = removed === max || !isExcess(head, end ? head.at : at);
      if (isDone) break;
      if (end && isWhole) head.at = EXPIRED;
      channelEntries.removeSync(key);
      removed++;
      head.first = offset + 1;
      head.count--;
      resize(edit, head, -size);
    }
    if (isDone || keys.length === CHUNK) continue;
    // All rows are removed.
    head.first = head.last + 1;
    head.count = 0;
    isDone = true;
  }
  if (head.first > first && head.compacted > 0) removeCompacted(edit, name, 0, head.first);
  if (head.count === 0) resize(edit, head, -head.bytes);
  return removed;
}

function store(edit: ChannelEdit, name: string): void {
  const { lastUsed, channels } = edit.databases;
  const head = headOf(edit, name);
  const slot = slotOf(head, limitsIn(edit, name).maxAge, edit.now);
  if (!isSlot(head, slot)) {
    if (head.slot) lastUsed.removeSync([...head.slot, name]);
    lastUsed.putSync([...slot, name], true);
    head.slot = slot;
  }
  channels.putSync(name, head);
}

function slotOf({ slot, count, at }: LmdbChannelHead, maxAge: number, now: number): ChannelSlot {
  if (count > 0) return [FILLED, stepOf(at + maxAge)];
  return slot?.[0] === EMPTY ? slot : [EMPTY, stepOf(now)];
}

const stepOf = (at: number): number => Math.min(Math.floor(at / STEP), Number.MAX_SAFE_INTEGER);
const isSlot = ({ slot }: LmdbChannelHead, [kind, step]: readonly [kind: string, step: number, ...unknown[]]): boolean =>
  slot?.[0] === kind && slot[1] === step;

type NamedSlot = readonly [kind: string, step: number, name: string];

function firstSlots({ lastUsed }: Databases, kind: string, limit = MAX_SWEPT): readonly NamedSlot[] {
  return [...lastUsed.getKeys({ start: [kind], end: [kind, Infinity], limit })] as unknown as readonly NamedSlot[];
}

function limitsIn(edit: ChannelEdit, name: string): ChannelLimits {
  return limitsOf(headOf(edit, name).retention ?? {}, edit.limits);
}

function resize(edit: ChannelEdit, head: LmdbChannelHead, bytes: number): void {
  head.bytes += bytes;
  edit.total += bytes;
}

/** Removes the compacted entries of a channel that begin in a range. */
function removeCompacted(edit: ChannelEdit, name: string, from: number, to: number): void {
  const head = headOf(edit, name);
  const { count, bytes } = removeRows(edit.databases.compactedEntries, [name, from], [name, to]);
  head.compacted -= count;
  resize(edit, head, -bytes);
}

function removeRows<K extends ChannelEntryKey | CompactedEntryKey>(
  database: Database<Uint8Array, K>,
  start: LmdbKey,
  end: LmdbKey,
): { readonly count: number; readonly bytes: number } {
  const keys = [...database.getKeys({ start, end })];
  for (const key of keys) database.removeSync(key);
  return { count: keys.length, bytes: keys.reduce((sum, [, , , size]) => sum + size, 0) };
}

/** Removes a channel that has no entries. Its name begins another epoch. */
function forget(databases: Databases, name: string): void {
  databases.channels.removeSync(name);
  changeNextEpoch(databases);
}
