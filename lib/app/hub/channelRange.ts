import type { ChannelPosition } from '../../message/channelTypes.js';
import type { ChannelQuery, ChannelRetention } from './channelLog.js';

/**
 * The maximum size of the messages that a log reads forwards at once, in bytes: a page that a
 * reader has to hold.
 */
export const PAGE_BYTES = 262_144;

/** The limits of one channel. */
export interface ChannelLimits {
  readonly maxMessages: number;
  readonly maxBytes: number;
  /** In ms. */
  readonly maxAge: number;
}

/** Returns the limits of a channel: its own, or else those of the log. */
export function limitsOf(retention: ChannelRetention, { maxMessages, maxBytes, maxAge }: ChannelLimits): ChannelLimits {
  const { messages = maxMessages, bytes = maxBytes, age = maxAge } = retention;
  return { maxMessages: messages, maxBytes: bytes, maxAge: age };
}

/** The contiguous offsets of a channel: all behind `removed`, up to `last`. */
export interface KeptOffsets {
  readonly epoch: string;
  readonly last: number;
  /** The offset of the latest removed message. */
  readonly removed: number;
}

/** Returns the first offset to read forwards, and whether no message in front of it is missing. */
export function forwardRange(
  after: NonNullable<ChannelQuery['after']>,
  { epoch, last, removed }: KeptOffsets,
): { readonly first: number; readonly isComplete: boolean } {
  const isKnown = after === 'start' || (after.epoch === epoch && after.offset <= last);
  const from = isKnown && after !== 'start' ? after.offset : 0;
  return { first: Math.max(from, removed) + 1, isComplete: isKnown && removed <= from };
}

/**
 * Returns the offsets to read backwards, from `first` to `end`, exclusive, and whether no requested
 * message is missing.
 */
export function backwardRange(
  before: ChannelPosition | undefined,
  limit: number,
  { epoch, last, removed }: KeptOffsets,
): { readonly first: number; readonly end: number; readonly isComplete: boolean } {
  const isKnown = before === undefined || (before.epoch === epoch && before.offset <= last + 1);
  const end = Math.max(removed + 1, isKnown ? (before?.offset ?? last + 1) : 0);
  const count = Math.min(limit, end - 1 - removed);
  return { first: end - count, end, isComplete: isKnown && (count === limit || removed === 0) };
}
