import { PAGE_BYTES } from './channelRange.js';
import type { ChannelEntry, ChannelQuery, ChannelRetention, ChannelSlice } from './channelLog.js';
import type { ChannelPosition } from '../message/channelTypes.js';
import { estimateSize } from '../message/estimateSize.js';
import type { Message } from '../message/types.js';

/** How the newest message of each key is kept. */
export interface KeyedSettings {
  /**
   * Returns the key of a message: a text of 1 to 1,024 characters. The hub refuses a message
   * without one as `invalid`.
   */
  readonly key: (message: Message) => string;
  /** Returns whether a message removes its key. @default whether `metadata.deleted` is `true` */
  readonly isDeleted?: (message: Message) => boolean;
  /** How long a key is kept, in ms since this process received its message. @default for ever */
  readonly ttl?: number;
  /**
   * `messages`: the maximum number of keys. `bytes`: the maximum estimated size of their newest
   * messages.
   * @default 10_000 keys, 16 MiB
   */
  readonly retain?: ChannelRetention;
}

export const MAX_KEY_LENGTH = 1_024;

/** Returns the key of a message, and whether it is removed; `undefined` without a key. */
export function keyOf(message: Message, { key, isDeleted }: KeyedSettings): Pick<KeyedEntry, 'key' | 'isDeletion'> | undefined {
  try {
    const name: unknown = key(message);
    if (typeof name !== 'string' || name === '' || name.length > MAX_KEY_LENGTH) return undefined;
    return { key: name, isDeletion: isDeleted ? isDeleted(message) : message.metadata?.['deleted'] === true };
  } catch {
    return undefined;
  }
}

/** Creates the content of a keyed channel, of one epoch. */
export function createKeyedContent(epoch: string, settings: KeyedSettings) {
  const { ttl = Infinity, retain = {} } = settings;
  const { messages = 10_000, bytes: maxBytes = 16_777_216 } = retain;
  const byKey = new Map<string, KeyedEntry>();
  /** The newest messages of the present keys, and of the removed ones. */
  const [live, deleted] = [createKeyedEntries(), createKeyedEntries()];
  const entriesOf = ({ isDeletion }: KeyedEntry): KeyedEntries => (isDeletion ? deleted : live);
  const entryOf = ({ offset, message }: KeyedEntry): ChannelEntry => ({ epoch, offset, message: message as Message });
  const sliceOf = (part: Pick<ChannelSlice, 'entries' | 'reached' | 'isComplete'>): ChannelSlice => {
    const { last, end } = content;
    return { epoch, last, ...part, ...(end && { end }) };
  };

  const content = {
    epoch,
    /** The highest offset. */
    last: 0,
    /** The highest offset of a newest message that is forgotten. */
    forgotten: 0,
    end: undefined as ChannelEntry | undefined,
    /** Whether a reader at this position has read a part of what is here, and no more. */
    knows: (at: ChannelPosition): boolean => at.epoch === epoch && at.offset <= content.last,
    add(entry: ChannelEntry, now: number): void {
      const { offset, message } = entry;
      content.last = offset;
      if (message.type === 'channel.ended') content.end = entry;
      // A message without a key, which another server has let pass, is not kept.
      const keyed = message.type === 'channel.ended' ? undefined : keyOf(message, settings);
      if (!keyed) return;
      const former = byKey.get(keyed.key);
      if (former) entriesOf(former).remove(former);
      const added = { ...keyed, offset, message, at: now, bytes: estimateSize(message) + keyed.key.length };
      byKey.set(keyed.key, added);
      entriesOf(added).add(added);
      content.trim(now);
    },
    trim(now: number): void {
      for (const entries of [live, deleted]) {
        for (let oldest = entries.oldest(); oldest; oldest = entries.oldest()) {
          if (oldest.at + ttl > now && entries.size <= messages && entries.bytes <= maxBytes) break;
          byKey.delete(oldest.key);
          entries.remove(oldest);
          content.forgotten = Math.max(content.forgotten, oldest.offset);
        }
      }
    },
    /** Returns the entries that a reader needs: all changes, or all keys for a new reader. */
    readForwards(after: Exclude<ChannelQuery['after'], undefined>, { limit, since = 0 }: ChannelQuery): ChannelSlice {
      const { last, forgotten, end } = content;
      const isStart = after === 'start';
      const isKnown = !isStart && content.knows(after);
      // The reader knows which keys are removed up to this offset.
      const known = isKnown ? Math.max(after.offset, since) : last;
      const isComplete = isStart || (isKnown && forgotten <= known);
      const from = isKnown ? Math.max(after.offset, isComplete ? 0 : forgotten) : 0;
      const found = [...live.after(from, limit), ...deleted.after(Math.max(from, known), limit)].sort((a, b) => a.offset - b.offset);
      const entries: ChannelEntry[] = [];
      let bytes = 0;
      for (const entry of found) {
        if (entries.length >= limit || bytes >= PAGE_BYTES) break;
        entries.push(entryOf(entry));
        bytes += entry.bytes;
      }
      const isAll = entries.length === found.length && entries.length < limit;
      const reached = isAll ? last : (entries.at(-1)?.offset ?? from);
      if (isAll && end && end.offset > from) entries.push(end);
      return sliceOf({ entries, reached, isComplete });
    },
    readBackwards({ after, before, limit }: ChannelQuery): ChannelSlice {
      const { last } = content;
      const isKnown = before === undefined || before.epoch === epoch;
      const until = before?.offset ?? last + 1;
      const part = typeof after === 'object' ? live.after(after.offset, limit) : live.before(until, limit);
      const found = isKnown ? part.filter(({ offset }) => offset < until) : [];
      return sliceOf({ entries: found.map((entry) => entryOf(entry)), reached: last, isComplete: isKnown });
    },
  };
  return content;
}

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

/**
 * Creates entries in the order of their offsets. Removed ones stay in the array until they are more
 * than half of it: each operation but `after` and `before` takes O(1), amortized.
 */
export function createKeyedEntries() {
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
    add(entry: KeyedEntry): void {
      entries.push(entry);
      size++;
      bytes += entry.bytes;
    },
    remove(entry: KeyedEntry): void {
      entry.message = undefined;
      size--;
      bytes -= entry.bytes;
      if (entries.length <= 2 * size + 64) return;
      entries = entries.filter(({ message }) => message);
      head = 0;
    },
    oldest(): KeyedEntry | undefined {
      while (head < entries.length && !entries[head]?.message) head++;
      return entries[head];
    },
    after: (offset: number, limit: number) => take(indexAfter(offset), 1, limit),
    before: (offset: number, limit: number) => take(indexAfter(offset - 1) - 1, -1, limit).reverse(),
  };
}

type KeyedEntries = ReturnType<typeof createKeyedEntries>;
