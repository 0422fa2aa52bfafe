import type { ChannelPosition } from '../message/channelTypes.js';
import type { ChannelEntry } from './channelLog.js';

export interface SteppedEntry extends ChannelEntry {
  /** The offset that its reader must have reached: that of the previous entry. */
  readonly after: number;
}

/** Where a member begins to read a channel. */
export type ChannelStart =
  /**
   * With the oldest message that the server still has. If earlier ones are removed, `gaps$` reports
   * a gap, and the end of the channel is a `ChannelEndedError`.
   */
  | 'start'
  /** With the next message that is published. */
  | 'live'
  /** With the latest messages: 1,000 at most, unless `maxReplay` of the server says otherwise. */
  | { readonly last: number }
  /** Behind this position: {@link Channel.position}, or the result of `send`. */
  | ChannelPosition
  | string;

/**
 * Returns the effect of an entry on a reader. `next`: the reader gets the entry. `repeat`: the
 * reader has the entry already. `gap`: messages between the reader and the entry are missing. This
 * is the only rule for gaps, of clients and of servers.
 *
 * @param at The position of the reader.
 * @param after The offset that the reader of the entry must have reached.
 */
export function step(
  at: ChannelPosition | undefined,
  { epoch, offset }: ChannelPosition,
  after: number = offset - 1,
): 'next' | 'repeat' | 'gap' {
  if (at?.epoch !== epoch) return 'gap';
  if (offset <= at.offset) return 'repeat';
  return after <= at.offset ? 'next' : 'gap';
}

/**
 * Returns whether a reader has some of the messages that an entry stands for. It must read the
 * others.
 */
export function isWithin(at: ChannelPosition | undefined, { epoch, offset, first }: ChannelEntry): boolean {
  return first !== undefined && at?.epoch === epoch && first <= at.offset && at.offset < offset;
}

/** Returns a position as a text that can be stored anywhere. */
export function positionText({ epoch, offset }: ChannelPosition): string {
  return `${offset}.${epoch}`;
}

/** Returns the position in a text; `undefined` unless {@link positionText} has returned it. */
export function parsePosition(text: string): ChannelPosition | undefined {
  const [, offset, epoch] = /^(\d{1,15})\.(.{1,128})$/s.exec(text) ?? [];
  return offset === undefined || epoch === undefined ? undefined : { epoch, offset: Number(offset) };
}

/** Returns the position that a place names; `undefined` for a place that is none. */
export function positionOf(place: ChannelStart): ChannelPosition | undefined {
  if (typeof place === 'string') return parsePosition(place);
  return 'last' in place ? undefined : place;
}
