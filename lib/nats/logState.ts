import type { ChangedLog, Log, LogChange, LogRange } from '../session/store/store.js';
import { changeOf, decodeMessage, type EntryChange, type LogMessage, type LogRow } from './logMessage.js';
import type { SubjectStore } from './subjectStore.js';

interface StoredEntry {
  /** The sequence number of the first message of its write; 0 if it is not stored yet. */
  readonly seq: number;
  readonly value: unknown;
}

/** A log, as this process knows it. */
export interface LogState {
  readonly head: unknown;
  readonly last: number;
  /** The entries in the order of their writes. */
  readonly entries: ReadonlyMap<number, StoredEntry>;
  /** The sequence number of the latest message; 0 if there is none. */
  readonly seq: number;
  /** The sequence number of the last message of the latest whole write. */
  readonly whole: number;
}

const NO_LOG: LogState = { head: undefined, last: 0, entries: new Map(), seq: 0, whole: 0 };

/** Returns the part of a log that a transaction reads. */
export function viewOf({ head, last, entries }: Pick<LogState, 'head' | 'last' | 'entries'>, range: LogRange = {}): Log {
  const { after = -Infinity, limit = Infinity } = range;
  const keys = limit > 0 ? [...entries.keys()].filter((key) => key > after).sort((one, other) => one - other) : [];
  return { head, last, entries: keys.slice(0, limit).map((key) => ({ key, value: entries.get(key)?.value })) };
}

/** Returns the row of a log. `here` is the number of the message of the entries without one. */
export function rowOf({ head, last, entries }: Pick<LogState, 'head' | 'last' | 'entries'>, here: LogRow['start']): LogRow {
  const [first] = entries.values();
  return { head, last, start: first ? first.seq || here : 0 };
}

/** Some changes of a log that are not stored yet. */
export function createDraft(before: LogState) {
  let { head, last } = before;
  const entries = new Map(before.entries);
  const drop: (readonly [number, number])[] = [];
  const put = new Map<number, unknown>();
  let changes = 0;
  const remove = (keys: readonly number[]): void => {
    for (const key of keys) {
      entries.delete(key);
      put.delete(key);
    }
  };
  return {
    get head() {
      return head;
    },
    get last() {
      return last;
    },
    entries: entries as LogState['entries'],
    /** The number of changes. */
    count: () => changes,
    change(change: LogChange): ChangedLog {
      changes++;
      if (change.head !== undefined) head = change.head;
      remove(removeRanges(entries, change.drop ?? []));
      drop.push(...(change.drop ?? []));
      for (const { key = last + 1, value } of change.put ?? []) {
        remove([key]);
        entries.set(key, { seq: 0, value });
        put.set(key, value);
        last = Math.max(last, key);
      }
      const excess = Math.max(0, entries.size - (change.maxCount ?? Infinity));
      const { entries: evicted } = viewOf({ head, last, entries }, { limit: excess });
      for (const { key } of evicted) drop.push([key, key]);
      remove(evicted.map(({ key }) => key));
      return { evicted };
    },
    entryChange: (): EntryChange => ({ drop, put: [...put] }),
    /** Returns the log after the draft was stored, in messages with these sequence numbers. */
    stored(first: number, seq: number): LogState {
      for (const [key, value] of put) entries.set(key, { seq: first, value });
      return { head, last, entries, seq, whole: seq };
    },
  };
}

export type Draft = ReturnType<typeof createDraft>;

/** Removes the entries in the ranges, and returns their keys. */
function removeRanges(entries: Map<number, StoredEntry>, ranges: EntryChange['drop']): readonly number[] {
  const removed: number[] = [];
  for (const [from, to] of ranges) for (const key of entries.keys()) if (key >= from && key <= to && entries.delete(key)) removed.push(key);
  return removed;
}

/**
 * Reads a log. The latest message says where the entries begin: a log without entries needs one
 * request.
 *
 * @param known The log as it was before: what has followed is read.
 * @param onCorrupt Called for each unreadable message; but an unreadable latest one is the head.
 */
export async function readLog(store: SubjectStore, name: string, known: LogState = NO_LOG, onCorrupt: () => void): Promise<LogState> {
  const latest = await store.last(name);
  if (!latest) return NO_LOG;
  const { seq } = latest;
  if (seq === known.seq) return known;
  // Messages between may be missing.
  if (store.evicts) known = NO_LOG;
  const message = decodeMessage(latest.data);
  // No key is used again.
  if (!message) return { ...NO_LOG, head: null, last: seq, seq, whole: seq };
  const { head, last, start } = message.row;
  const first = start === 'here' ? seq : start;
  const entries = new Map([...known.entries].filter(([, entry]) => entry.seq >= first));
  let { whole } = known;
  let parts: { readonly seq: number; readonly message: LogMessage }[] = [];
  let next = start === 0 ? undefined : await store.next(name, Math.max(first, whole + 1));
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
    if (!change) onCorrupt();
    removeRanges(entries, change?.drop ?? []);
    for (const [key, value] of change?.put ?? []) {
      entries.delete(key);
      entries.set(key, { seq: parts[0]?.seq ?? 0, value });
    }
    parts = [];
    whole = next.seq;
  }
  return { head, last, entries, seq, whole: start === 0 ? seq : whole };
}
