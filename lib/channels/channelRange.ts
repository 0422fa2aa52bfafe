import type { ChannelPosition } from '../message/channelTypes.js';
import type { ChannelQuery, ChannelRetention, ChannelSlice } from './channelLog.js';

/** The maximum size of the messages that a log reads at once, in bytes: one page. */
export const PAGE_BYTES = 262_144;
/** The maximum number of messages of a page. */
export const PAGE_SIZE = 256;

export interface ChannelLimits {
  readonly maxMessages: number;
  readonly maxBytes: number;
  /** In ms. */
  readonly maxAge: number;
}

/** Returns the limits of a channel: its own, or else those of the log. */
export function limitsOf(retention: ChannelRetention, { maxMessages, maxBytes, maxAge }: ChannelLimits): ChannelLimits {
  const { messages = maxMessages, bytes = maxBytes, age = maxAge } = retention;
  // A log may mark messages as expired by a time that is earlier than this.
  return { maxMessages: messages, maxBytes: bytes, maxAge: Math.min(age, Number.MAX_SAFE_INTEGER) };
}

/** The offsets of a channel: those of its messages behind `removed`, up to `last`. */
export interface KeptOffsets {
  readonly epoch: string;
  readonly last: number;
  /** The offset of the latest removed message. */
  readonly removed: number;
  /** Whether the last message has ended the channel. A log returns it, also if it is removed. */
  readonly hasEnded: boolean;
  /** Returns whether no reader can be at a kept offset. @default the offsets are contiguous */
  readonly isMissing?: (offset: number) => boolean;
  /** Returns the last `limit` offsets in front of `end`. @default the offsets are contiguous */
  readonly lastOffsets?: (end: number, limit: number) => { readonly first: number; readonly count: number };
}

/** Returns whether a reader may be at a position. That of removed messages may be any. */
export function isInside({ epoch, offset }: ChannelPosition, kept: KeptOffsets): boolean {
  const isKept = offset > kept.removed && offset < kept.last;
  return epoch === kept.epoch && offset <= kept.last && !(isKept && kept.isMissing?.(offset));
}

/** The offsets that a query requests. A log reads the first of them, up to the size of a page. */
export interface ChannelRange {
  readonly first: number;
  /** Exclusive. */
  readonly end: number;
  /** Whether a compacted entry takes the place of those that it stands for. */
  readonly isCompacted: boolean;
  /** Whether no message is missing between the requested position and `first`, or `end`. */
  readonly isComplete: boolean;
}

export function rangeOf({ after, before, limit }: ChannelQuery, kept: KeptOffsets): ChannelRange {
  const { epoch, last, removed, hasEnded } = kept;
  // A reader misses no end.
  const missing = hasEnded && removed === last ? last - 1 : removed;
  if (after !== undefined) {
    const isKnown = after === 'start' || isInside(after, kept);
    const from = isKnown && after !== 'start' ? after.offset : 0;
    return {
      first: Math.max(from, removed) + 1,
      end: Math.min(before?.offset ?? Infinity, last + 1),
      isCompacted: !before,
      isComplete: isKnown && missing <= from,
    };
  }
  const isKnown = before === undefined || isInside(before, kept) || (before.epoch === epoch && before.offset === last + 1);
  const end = Math.max(removed + 1, isKnown ? (before?.offset ?? last + 1) : 0);
  const firstKept = Math.max(end - limit, removed + 1);
  const { first, count } = kept.lastOffsets?.(end, limit) ?? { first: firstKept, count: end - firstKept };
  return { first, end, isCompacted: false, isComplete: isKnown && (count === limit || missing === 0) };
}

/** Returns the first offset of a slice; that of the next message, if the slice is empty. */
export function firstOffsetOf({ entries: [entry], last }: ChannelSlice): number {
  return entry ? (entry.first ?? entry.offset) : last + 1;
}

/** Returns the position behind the entries of a slice that was read forwards from a position. */
export function reachedBy({ entries, epoch, last, reached = entries.at(-1)?.offset ?? last }: ChannelSlice): ChannelPosition {
  return { epoch, offset: reached };
}

/**
 * Returns the offset up to which a reader knows which keys are removed, from its first slice: a
 * reader that has a position knows no removal behind it.
 */
export function knownSince(after: ChannelQuery['after'], { isComplete, last }: ChannelSlice): number {
  return typeof after === 'object' && isComplete ? after.offset : last;
}
