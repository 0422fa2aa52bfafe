import { ListNode } from './linkedList.js';
import { createRing } from '../operators/buffers/ring.js';
import type { ChannelPosition } from '../message/channelTypes.js';
import type { Message } from '../message/types.js';
import { endedError } from './channelPayloads.js';
import type { ChannelEntry, ChannelQuery, ChannelSlice } from './channelLog.js';
import { PAGE_BYTES, rangeOf, type ChannelLimits, type ChannelRange } from './channelRange.js';
import { repeatKeyOf } from './publisherMark.js';

/** A message, and what the limits need. The offsets of a history are contiguous. */
interface Kept {
  readonly message: Message;
  readonly bytes: number;
  readonly at: number;
}

interface KeptEntry {
  readonly bytes: number;
  readonly entry: ChannelEntry;
}

/** The rest of a history that is forgotten: its channel continues with it. */
export interface HistoryRest {
  readonly epoch: string;
  /** The number of messages that were added in total. */
  readonly last: number;
  readonly limits: ChannelLimits;
  /** The entry that has ended the channel. */
  readonly end?: ChannelEntry | undefined;
}

/** A channel with more messages has an index of their ids. */
const FEW = 8;
/** The ids that a channel with an index keeps at least, also those of removed messages. */
const MIN_IDS = 64;

/** The latest messages. */
interface RecentMessages {
  /** By their keys. */
  readonly offsets: Map<string, number>;
  /** Visits each key once: a new iterator would visit all deleted ones again. */
  readonly oldest: Iterator<string>;
}

/** The latest messages of one channel. Parts that most channels do not need are created late. */
export class ChannelHistory {
  readonly name: string;
  readonly epoch: string;
  /** The number of messages that were added in total. */
  last: number;
  bytes = 0;
  latest = 0;
  /** Whether this object has more to it than what remained of an earlier one. */
  isUsed = false;
  /** The entry among the channels without subscribers. */
  readonly idle = new ListNode<this>(this);
  /** The entry among the channels with messages. */
  readonly filled = new ListNode<this>(this);
  #limits: ChannelLimits;
  readonly #kept = createRing<Kept>();
  /** The compacted entries by their first offset, each as long as its first message. */
  #compacted: Map<number, KeptEntry> | undefined;
  /** The entry that has ended the channel. */
  #end: ChannelEntry | undefined;
  #recent: RecentMessages | undefined;

  constructor(name: string, { epoch, last, limits, end }: HistoryRest) {
    this.name = name;
    this.epoch = epoch;
    this.last = last;
    this.#limits = limits;
    this.#end = end;
  }

  rest(): HistoryRest {
    return { epoch: this.epoch, last: this.last, limits: this.#limits, end: this.#end };
  }

  /** The maximum age of a message, in ms. */
  get maxAge(): number {
    return this.#limits.maxAge;
  }

  get size(): number {
    return this.#kept.size;
  }

  /** The offset of the latest removed message. */
  get removed(): number {
    return this.last - this.size;
  }

  get hasEnded(): boolean {
    return this.#end !== undefined;
  }

  /** Replaces the limits. They apply from the next message on. */
  limit(limits: ChannelLimits): void {
    this.isUsed = true;
    this.#limits = limits;
  }

  /** Adds a message. Returns the position of it, or of what it repeats. */
  add(message: Message, bytes: number, now: number): ChannelPosition {
    const { maxMessages, maxBytes } = this.#limits;
    const key = repeatKeyOf(message);
    const known = this.#find(key);
    if (known !== undefined) return { epoch: this.epoch, offset: known };
    if (this.#end) throw endedError(this.name, this.#end.message);
    const entry: ChannelEntry = { epoch: this.epoch, offset: ++this.last, message };
    // The clock may have been set back.
    this.latest = Math.max(this.latest, now);
    this.#kept.push({ message, bytes, at: this.latest });
    this.bytes += bytes;
    if (message.type === 'channel.ended') this.#end = entry;
    this.isUsed = true;
    if (!this.#end) this.expire(now);
    if (this.#recent) this.#recent.offsets.set(key, entry.offset);
    else if (this.size > FEW || this.size > maxMessages || this.bytes > maxBytes) this.#index();
    // The end displaces no other message of its channel.
    while (!this.#end && (this.size > maxMessages || this.bytes > maxBytes)) this.shift();
    return entry;
  }

  #find(key: string): number | undefined {
    if (this.#recent) return this.#recent.offsets.get(key);
    const index = this.#kept.values().findIndex(({ message }) => repeatKeyOf(message) === key);
    return index < 0 ? undefined : this.removed + 1 + index;
  }

  #index(): void {
    const first = this.removed + 1;
    const offsets = new Map(this.#kept.values().map(({ message }, index) => [repeatKeyOf(message), first + index]));
    this.#recent = { offsets, oldest: offsets.keys() };
  }

  /** Adds an entry that stands for several, unless the first of them is removed already. */
  compact(entry: Required<ChannelEntry>, bytes: number): void {
    const { epoch, first } = entry;
    if (epoch !== this.epoch || first <= this.removed || entry.offset > this.last) return;
    // A channel that has ended remains whole.
    if (this.#end && this.bytes + bytes > this.#limits.maxBytes) return;
    this.#compacted ??= new Map();
    this.bytes += bytes - (this.#compacted.get(first)?.bytes ?? 0);
    this.#compacted.set(first, { entry, bytes });
    while (this.bytes > this.#limits.maxBytes && this.size > 0) this.shift();
  }

  read(query: ChannelQuery, now: number): ChannelSlice {
    this.expire(now);
    const { epoch, last } = this;
    const range = rangeOf(query, this);
    const entries = this.#page(range, query.limit);
    return { epoch, last, entries, isComplete: range.isComplete, ...(this.#end && { end: this.#end }) };
  }

  /** Returns the first entries of a range, up to the size of a page. */
  #page({ first, end, isCompacted }: ChannelRange, limit: number): readonly ChannelEntry[] {
    const compacted = isCompacted ? this.#compacted : undefined;
    const entries: ChannelEntry[] = [];
    let bytes = 0;
    for (let next = first; next < end && entries.length < limit && bytes < PAGE_BYTES;) {
      const found = compacted?.get(next) ?? this.#at(next);
      entries.push(found.entry);
      bytes += found.bytes;
      next = found.entry.offset + 1;
    }
    return entries;
  }

  #at(offset: number): KeptEntry {
    const { message, bytes } = this.#kept.at(offset - 1 - this.removed) as Kept;
    return { bytes, entry: { epoch: this.epoch, offset, message } };
  }

  /** Removes the oldest message; of a channel that has ended, all messages. */
  removeOldest(): void {
    do this.shift();
    while (this.#end && this.size > 0);
  }

  shift(): void {
    const oldest = this.removed + 1;
    const compacted = this.#compacted?.get(oldest);
    if (compacted) this.#compacted?.delete(oldest);
    this.bytes -= (this.#kept.shift()?.bytes ?? 0) + (compacted?.bytes ?? 0);
    const recent = this.#recent;
    if (this.size === 0) this.#recent = undefined;
    else if (recent && recent.offsets.size > Math.max(MIN_IDS, this.size)) recent.offsets.delete(recent.oldest.next().value as string);
  }

  /** Removes the messages that are too old. A channel that has ended is as old as its end. */
  expire(now: number): void {
    const since = now - this.maxAge;
    for (let oldest = this.#kept.peek(); oldest && (this.#end ? this.latest : oldest.at) <= since; oldest = this.#kept.peek()) this.shift();
  }
}
