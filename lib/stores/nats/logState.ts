import { StoreError } from '../../message/errors.js';
import { estimateSize } from '../../message/estimateSize.js';
import type { ChangedLog, Log, LogChange, LogRange } from '../store.js';
import { changeOf, decodeMessage, type EntryChange, type LogMessage, type LogMessageRow } from './logMessage.js';
import { failed } from './natsContext.js';
import type { SubjectStore } from './subjectStore.js';

/** The maximum size of the entries of one log. */
export interface LogLimit {
  /** In bytes. The sizes of the entries are estimated. */
  readonly maxBytes: number;
  /** Whether the log removes its oldest entries above that, in place of refusing the new ones. */
  readonly evicts: boolean;
}

interface KnownEntry {
  /** The sequence number of the first message of its write. */
  readonly seq: number;
  readonly value: unknown;
}

/** A log, as this process knows it. A write costs in proportion to what it changes. */
export interface LogState {
  head: unknown;
  last: number;
  /** The sequence number of the latest message; 0 if there is none. */
  seq: number;
  /** The sequence number of the last message of the latest whole write. */
  whole: number;
  /** The entries in the order of their writes. */
  readonly entries: Map<number, KnownEntry>;
  readonly keys: number[];
  /** The size of the entries; 0 if the log has no limit. */
  bytes: number;
  readonly limit: LogLimit | undefined;
}

export function createLogState(limit?: LogLimit): LogState {
  return { head: undefined, last: 0, seq: 0, whole: 0, entries: new Map(), keys: [], bytes: 0, limit };
}

/** Returns the index of the first key that is not below another one. */
function indexOf(keys: readonly number[], key: number): number {
  let [from, until] = [0, keys.length];
  // Most keys are new.
  if (until > 0 && (keys[until - 1] as number) < key) return until;
  while (from < until) {
    const middle = (from + until) >> 1;
    if ((keys[middle] as number) < key) from = middle + 1;
    else until = middle;
  }
  return from;
}

/** @throws {StoreError} `failed`, if the value cannot be read. */
function sizeOf({ limit }: LogState, value: unknown): number {
  try {
    return limit ? estimateSize(value) : 0;
  } catch (cause) {
    throw failed(cause);
  }
}

/** @param seq The sequence number of the first message with the change. */
function applyChange(state: LogState, { drop, put }: EntryChange, seq: number): void {
  const { entries, keys } = state;
  const forget = (key: number): boolean => {
    const entry = entries.get(key);
    if (entry) state.bytes -= sizeOf(state, entry.value);
    return entries.delete(key);
  };
  for (const [from, to] of drop) {
    const first = indexOf(keys, from);
    for (const key of keys.splice(first, indexOf(keys, to + 1) - first)) forget(key);
  }
  for (const [key, value] of put) {
    if (!forget(key)) keys.splice(indexOf(keys, key), 0, key);
    entries.set(key, { seq, value });
    state.bytes += sizeOf(state, value);
  }
}

/** Some changes of a log that are not stored yet. */
export class Draft {
  changes = 0;
  readonly #before: LogState;
  #head: unknown;
  #last: number;
  #bytes: number;
  readonly #drop: (readonly [from: number, to: number])[] = [];
  readonly #put = new Map<number, unknown>();
  /** The stored entries that are removed or replaced. */
  readonly #removed = new Set<number>();

  constructor(before: LogState) {
    this.#before = before;
    this.#head = before.head;
    this.#last = before.last;
    this.#bytes = before.bytes;
  }

  view({ after = -Infinity, limit: count = Infinity }: LogRange = {}): Log {
    const { keys } = this.#before;
    const found = count > 0 ? [...this.#put.keys()].filter((key) => key > after) : [];
    const most = found.length + count;
    for (let index = indexOf(keys, after + 1); index < keys.length && found.length < most; index++) {
      const key = keys[index] as number;
      if (!this.#removed.has(key)) found.push(key);
    }
    const sorted = found.sort((one, other) => one - other).slice(0, count);
    return { head: this.#head, last: this.#last, entries: sorted.map((key) => ({ key, value: this.#valueOf(key) })) };
  }
  #valueOf(key: number): unknown {
    return this.#put.has(key) ? this.#put.get(key) : this.#before.entries.get(key)?.value;
  }
  #remove(key: number): void {
    if (this.#put.has(key)) this.#bytes -= sizeOf(this.#before, this.#put.get(key));
    this.#put.delete(key);
    const entry = this.#removed.has(key) ? undefined : this.#before.entries.get(key);
    if (!entry) return;
    this.#bytes -= sizeOf(this.#before, entry.value);
    this.#removed.add(key);
  }
  #removeRange(range: readonly [from: number, to: number]): void {
    const { keys } = this.#before;
    const [from, to] = range;
    this.#drop.push(range);
    for (const key of [...this.#put.keys()]) if (key >= from && key <= to) this.#remove(key);
    for (let index = indexOf(keys, from); index < keys.length && (keys[index] as number) <= to; index++)
      this.#remove(keys[index] as number);
  }
  #evictFirst(count: number): Log['entries'] {
    const { entries } = this.view({ limit: count });
    for (const { key } of entries) this.#removeRange([key, key]);
    return entries;
  }
  get #size(): number {
    return this.#before.keys.length - this.#removed.size + this.#put.size;
  }
  /** @throws {StoreError} `quota`, if the entries are too large. */
  change({ head, drop = [], put = [], maxCount = Infinity }: LogChange): ChangedLog {
    const { limit } = this.#before;
    this.changes++;
    if (head !== undefined) this.#head = head;
    drop.forEach((range) => this.#removeRange(range));
    for (const { key = this.#last + 1, value } of put) {
      this.#remove(key);
      this.#put.set(key, value);
      this.#bytes += sizeOf(this.#before, value);
      this.#last = Math.max(this.#last, key);
    }
    const evicted = [...this.#evictFirst(Math.max(0, this.#size - maxCount))];
    if (!limit || put.length === 0) return { evicted };
    if (this.#bytes > limit.maxBytes && !limit.evicts) throw new StoreError('nats', 'quota');
    while (this.#bytes > limit.maxBytes && this.#size > 0) evicted.push(...this.#evictFirst(1));
    return { evicted };
  }
  entryChange(): EntryChange {
    return { drop: this.#drop, put: [...this.#put] };
  }
  /** Returns the row after the draft. `here` is the number of its first message. */
  row(here: LogMessageRow['start']): LogMessageRow {
    const [head, last] = [this.#head, this.#last];
    for (const [key, { seq }] of this.#before.entries) if (!this.#removed.has(key)) return { head, last, start: seq };
    return { head, last, start: this.#put.size > 0 ? here : 0 };
  }
  /** Adds the draft to the log: it was stored in messages with these sequence numbers. */
  stored(first: number, seq: number): void {
    applyChange(this.#before, this.entryChange(), first);
    Object.assign(this.#before, { head: this.#head, last: this.#last, seq, whole: seq });
  }
}

export function logRowOf({ head, last, entries }: LogState): LogMessageRow {
  const [first] = entries.values();
  return { head, last, start: first?.seq ?? 0 };
}

/**
 * Reads what has followed a known log. The latest message says where the entries begin: a log
 * without entries needs one request.
 *
 * @param onCorrupt Called for each unreadable message; but an unreadable latest one is the head.
 */
export async function readLog(store: SubjectStore, name: string, known: LogState, onCorrupt: () => void): Promise<LogState> {
  const latest = await store.last(name);
  if (!latest) return createLogState(known.limit);
  const { seq } = latest;
  if (seq === known.seq) return known;
  // Messages between may be missing.
  const state = store.evicts ? createLogState(known.limit) : known;
  const message = decodeMessage(latest.data);
  // No key is used again.
  if (!message) return { ...createLogState(known.limit), head: null, last: seq, seq, whole: seq };
  const { head, last, start } = message.row;
  const first = start === 'here' ? seq : start || Infinity;
  for (const [key, entry] of state.entries) {
    if (entry.seq >= first) break;
    applyChange(state, { drop: [[key, key]], put: [] }, 0);
  }
  let parts: { readonly seq: number; readonly message: LogMessage }[] = [];
  let next = start === 0 ? undefined : await store.next(name, Math.max(first, state.whole + 1));
  for (; next && next.seq <= seq; next = next.seq < seq ? await store.next(name, next.seq + 1) : undefined) {
    const found = decodeMessage(next.data);
    if (!found) {
      onCorrupt();
      continue;
    }
    // A write whose last part is missing does not count: its process has died meanwhile.
    if (parts[0]?.message.write !== found.write) parts = [];
    parts.push({ seq: next.seq, message: found });
    if (!found.isLast) continue;
    const change = parts.length === found.index + 1 ? changeOf(parts.map(({ message: { part } }) => part)) : undefined;
    if (change) applyChange(state, change, parts[0]?.seq ?? 0);
    else onCorrupt();
    parts = [];
    state.whole = next.seq;
  }
  return Object.assign(state, { head, last, seq, whole: start === 0 ? seq : state.whole });
}
