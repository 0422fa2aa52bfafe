import type { ChannelPosition } from '../../message/channelTypes.js';
import type { ChannelQuery, ChannelRetention } from './channelLog.js';

/**
 * The maximum size of the messages that a log reads at once, in bytes: a page that a reader has to
 * hold.
 */
export const PAGE_BYTES = 262_144;
/** The maximum number of messages that a log reads backwards at once. */
export const PAGE_MESSAGES = 256;

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

/** The offsets of a channel: those of its messages behind `removed`, up to `last`. */
export interface KeptOffsets {
  readonly epoch: string;
  readonly last: number;
  /** The offset of the latest removed message. */
  readonly removed: number;
  /**
   * Returns whether no reader of this channel can be at an offset between `removed` and `last`.
   * @default the offsets are contiguous
   */
  readonly isHole?: (offset: number) => boolean;
}

/** Returns whether a reader may be at a position. That of removed messages may be any. */
export function isInside({ epoch, offset }: ChannelPosition, kept: KeptOffsets): boolean {
  const isKept = offset > kept.removed && offset < kept.last;
  return epoch === kept.epoch && offset <= kept.last && !(isKept && kept.isHole?.(offset));
}

/** Returns the first offset to read forwards, and whether no message in front of it is missing. */
export function forwardRange(
  after: NonNullable<ChannelQuery['after']>,
  kept: KeptOffsets,
): { readonly first: number; readonly isComplete: boolean } {
  const { removed } = kept;
  const isKnown = after === 'start' || isInside(after, kept);
  const from = isKnown && after !== 'start' ? after.offset : 0;
  return { first: Math.max(from, removed) + 1, isComplete: isKnown && removed <= from };
}

/** Returns the end of the offsets to read backwards, exclusive, and whether the place is known. */
export function backwardRange(before: ChannelPosition | undefined, kept: KeptOffsets): { readonly end: number; readonly isKnown: boolean } {
  const next = kept.last + 1;
  const isKnown = before === undefined || isInside(before, kept) || (before.epoch === kept.epoch && before.offset === next);
  return { end: Math.max(kept.removed + 1, isKnown ? (before?.offset ?? next) : 0), isKnown };
}
