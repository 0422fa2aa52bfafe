import { StoreError } from '../../message/errors.js';
import { estimateSize } from '../../message/estimateSize.js';
import type { ChangedLog, Log, LogChange, LogEntry, LogRange } from '../store.js';
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
  /** The sequence number of the first message of its write; `Infinity` until it is stored. */
  seq: number;
  readonly value: unknown;
}

type KeyRange = readonly [from: number, to: number];

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

/**
 * A log, as this process knows it, with the changes of a write that is not stored yet. A write
 * costs in proportion to what it changes.
 */
export class LogState {
  head: unknown = undefined;
  last = 0;
  /** The sequence number of the latest message; 0 if there is none. */
  seq = 0;
  /** The sequence number of the last message of the latest whole write. */
  whole = 0;
  /** The entries in the order of their writes. */
  readonly entries = new Map<number, KnownEntry>();
  keys: number[] = [];
  /** The size of the entries; 0 if the log has no limit. */
  bytes = 0;
  readonly limit: LogLimit | undefined;
  /** The number of calls of {@link change} since the latest write. */
  changes = 0;
  #before = { row: this.row(0), bytes: 0 };
  #drop: KeyRange[] = [];
  /** The entries to be stored. */
  readonly #put = new Map<number, unknown>();
  /** The stored entries that are removed or replaced. */
  #removed: (readonly [key: number, entry: KnownEntry])[] = [];

  constructor(limit?: LogLimit) {
    this.limit = limit;
  }
  read({ after = -Infinity, limit = Infinity }: LogRange = {}): Log {
    const from = indexOf(this.keys, after + 1);
    const entries = this.keys.slice(from, from + limit).map((key) => ({ key, value: this.entries.get(key)?.value }));
    return { head: this.head, last: this.last, entries };
  }
  /** @throws {StoreError} `quota`, if the entries are too large: {@link undo} the changes. */
  change({ head, drop = [], put = [], maxCount = Infinity }: LogChange): ChangedLog {
    if (this.changes++ === 0) this.#before = { row: this.row(0), bytes: this.bytes };
    if (head !== undefined) this.head = head;
    for (const range of drop) this.#removeRange(range);
    for (const { key = this.last + 1, value } of put) {
      this.#add(key, value, Infinity);
      this.last = Math.max(this.last, key);
    }
    const evicted = [...this.#evictFirst(Math.max(0, this.keys.length - maxCount))];
    const { limit } = this;
    if (!limit || put.length === 0) return { evicted };
    if (this.bytes > limit.maxBytes && !limit.evicts) throw new StoreError('nats', 'quota');
    while (this.bytes > limit.maxBytes && this.keys.length > 0) evicted.push(...this.#evictFirst(1));
    return { evicted };
  }
  entryChange(): EntryChange {
    return { drop: this.#drop, put: [...this.#put] };
  }
  /** Returns the row with the changes. `here` is the number of the first message of their write. */
  row(here: LogMessageRow['start']): LogMessageRow {
    const { head, last } = this;
    const [first] = this.entries.values();
    return { head, last, start: first?.seq === Infinity ? here : (first?.seq ?? 0) };
  }
  rowBefore(): LogMessageRow {
    return this.changes > 0 ? this.#before.row : this.row(0);
  }
  /** The changes are stored in messages with these sequence numbers. */
  stored(first: number, seq: number): void {
    for (const key of this.#put.keys()) (this.entries.get(key) as KnownEntry).seq = first;
    this.seq = this.whole = seq;
    this.#settle();
  }
  /** Removes the changes. It costs in proportion to the log. */
  undo(): void {
    if (this.changes === 0) return;
    const { row, bytes } = this.#before;
    const stored = [...this.entries].filter(([, { seq }]) => seq < Infinity);
    const before = [...stored, ...this.#removed].sort(([, one], [, other]) => one.seq - other.seq);
    this.entries.clear();
    for (const [key, entry] of before) this.entries.set(key, entry);
    this.keys = [...this.entries.keys()].sort((one, other) => one - other);
    Object.assign(this, { head: row.head, last: row.last, bytes });
    this.#settle();
  }
  /** Applies a stored change. @param seq The sequence number of its first message. */
  apply({ drop, put }: EntryChange, seq: number): void {
    for (const range of drop) this.#removeRange(range);
    for (const [key, value] of put) this.#add(key, value, seq);
    this.#settle();
  }
  #settle(): void {
    this.changes = 0;
    this.#drop = [];
    this.#put.clear();
    this.#removed = [];
  }
  /** @throws {StoreError} `failed`, if the value cannot be read. */
  #sizeOf(value: unknown): number {
    try {
      return this.limit ? estimateSize(value) : 0;
    } catch (cause) {
      throw failed(cause);
    }
  }
  #add(key: number, value: unknown, seq: number): void {
    const size = this.#sizeOf(value);
    if (!this.#forget(key)) this.keys.splice(indexOf(this.keys, key), 0, key);
    this.entries.set(key, { seq, value });
    this.#put.set(key, value);
    this.bytes += size;
  }
  #forget(key: number): boolean {
    const entry = this.entries.get(key);
    if (!entry) return false;
    this.bytes -= this.#sizeOf(entry.value);
    if (entry.seq < Infinity) this.#removed.push([key, entry]);
    this.#put.delete(key);
    return this.entries.delete(key);
  }
  #removeRange(range: KeyRange): void {
    const [from, to] = range;
    const first = indexOf(this.keys, from);
    this.#drop.push(range);
    for (const key of this.keys.splice(first, indexOf(this.keys, to + 1) - first)) this.#forget(key);
  }
  #evictFirst(count: number): readonly LogEntry[] {
    const { entries } = this.read({ limit: count });
    for (const { key } of entries) this.#removeRange([key, key]);
    return entries;
  }
}

/**
 * Reads what has followed a known log. The latest message says where the entries begin: a log
 * without entries needs one request.
 *
 * @param onCorrupt Called for each unreadable message; but an unreadable latest one is the head.
 */
export async function readLog(store: SubjectStore, name: string, known: LogState, onCorrupt: () => void): Promise<LogState> {
  const latest = await store.last(name);
  if (!latest) return new LogState(known.limit);
  const { seq } = latest;
  if (seq === known.seq) return known;
  // Messages between may be missing.
  const state = store.evicts ? new LogState(known.limit) : known;
  const message = decodeMessage(latest.data);
  // No key is used again.
  if (!message) return Object.assign(new LogState(known.limit), { head: null, last: seq, seq, whole: seq });
  const { head, last, start } = message.row;
  const first = start === 'here' ? seq : start || Infinity;
  for (const [key, entry] of state.entries) {
    if (entry.seq >= first) break;
    state.apply({ drop: [[key, key]], put: [] }, 0);
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
    if (change) state.apply(change, parts[0]?.seq ?? 0);
    else onCorrupt();
    parts = [];
    state.whole = next.seq;
  }
  return Object.assign(state, { head, last, seq, whole: start === 0 ? seq : state.whole });
}
