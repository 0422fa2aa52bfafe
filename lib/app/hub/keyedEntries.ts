import type { Message } from '../../message/types.js';

/** An entry of a keyed channel. */
export interface KeyedEntry {
  readonly offset: number;
  readonly key: string;
  /** The estimated size, in bytes. */
  readonly bytes: number;
  /** When this process received it. */
  readonly at: number;
  readonly isDeletion: boolean;
  /** `undefined`: the entry is removed. */
  message: Message | undefined;
}

/** Entries in the order of their offsets, of which any may be removed. */
export interface KeyedEntries {
  readonly size: number;
  /** The estimated size of the entries, in bytes. */
  readonly bytes: number;
  add(entry: KeyedEntry): void;
  remove(entry: KeyedEntry): void;
  oldest(): KeyedEntry | undefined;
  /** Returns the first entries behind an offset. */
  after(offset: number, limit: number): KeyedEntry[];
  /** Returns the last entries in front of an offset. */
  before(offset: number, limit: number): KeyedEntry[];
}

/**
 * Removed entries stay in the array until they are more than half of it: each operation but `after`
 * and `before` takes O(1), amortized.
 */
export function createKeyedEntries(): KeyedEntries {
  let entries: KeyedEntry[] = [];
  /** The entries in front of it are removed. */
  let head = 0;
  let size = 0;
  let bytes = 0;

  /** Returns the index of the first entry behind an offset. */
  const indexAfter = (offset: number): number => {
    let [low, high] = [head, entries.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((entries[middle]?.offset ?? 0) <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const take = (index: number, step: 1 | -1, limit: number): KeyedEntry[] => {
    const found: KeyedEntry[] = [];
    for (let at = index; at >= head && at < entries.length && found.length < limit; at += step) {
      const entry = entries[at];
      if (entry?.message) found.push(entry);
    }
    return found;
  };

  return {
    get size() {
      return size;
    },
    get bytes() {
      return bytes;
    },
    add(entry) {
      entries.push(entry);
      size++;
      bytes += entry.bytes;
    },
    remove(entry) {
      entry.message = undefined;
      size--;
      bytes -= entry.bytes;
      if (entries.length <= 2 * size + 64) return;
      entries = entries.filter(({ message }) => message);
      head = 0;
    },
    oldest() {
      while (head < entries.length && !entries[head]?.message) head++;
      return entries[head];
    },
    after: (offset, limit) => take(indexAfter(offset), 1, limit),
    before: (offset, limit) => take(indexAfter(offset - 1) - 1, -1, limit).reverse(),
  };
}
