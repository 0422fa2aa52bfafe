import type { ChannelEnd, ChannelPosition } from '../message/channelTypes.js';
import type { RxwireError } from '../message/errors.js';

/**
 * The state of a client in a channel: joining, joined, recovering missed messages, informed of a
 * gap (still joined; `joined` follows at once), left, refused, or ended: its writer was done, or
 * has failed.
 */
export type ChannelStatus = 'joining' | 'joined' | 'recovering' | 'gap' | 'left' | 'refused' | 'ended';

/**
 * Messages that were lost and will not arrive. With the same epoch, they are
 * `next.offset - after.offset - 1` messages, or fewer if the log leaves offsets out.
 */
export interface ChannelGap {
  /**
   * `history`: the server no longer keeps the messages. `epoch`: the server lost its history.
   * `undeliverable`: the server cannot send the message to this client, because of its codec or of
   * its limits.
   */
  readonly reason: 'history' | 'epoch' | 'undeliverable';
  /** The position of the last message that arrived. */
  readonly after: ChannelPosition;
  /** The position at which delivery continues. */
  readonly next: ChannelPosition;
}

/** Returns the gap of messages that do not arrive. @param next Where delivery continues. */
export const undeliverable = (after: ChannelPosition, next: number): ChannelGap => ({
  reason: 'undeliverable',
  after,
  next: { epoch: after.epoch, offset: next },
});

export interface ChannelState {
  readonly status: ChannelStatus;
  /** The id of this client for the others: the `source` of its messages. Known after the join. */
  readonly member?: string;
  /** The latest gap. For `ended`: what this client has missed of the channel. */
  readonly gap?: ChannelGap;
  /** For `ended`: how. */
  readonly end?: ChannelEnd;
  /**
   * For `refused`, the refusal. For `left`, the error of the wire, if the wire has failed. For
   * `joining` and `recovering`, a `ChannelTimeoutError`, when the server does not answer.
   */
  readonly error?: RxwireError;
}

export const LEFT: ChannelState = { status: 'left' };

/** Returns whether the client has left, was refused, or has received the end of the channel. */
export function isOut({ status }: ChannelState): boolean {
  return status === 'left' || status === 'refused' || status === 'ended';
}

/** Returns whether a join request of the client waits for its answer. */
export function isPending({ status }: ChannelState): boolean {
  return status === 'joining' || status === 'recovering';
}

/** Returns the next state of a client that stays in its channel. */
export function changedState({ member, gap }: ChannelState, { error, ...update }: ChannelState): ChannelState {
  return { ...(member !== undefined && { member }), ...(gap && { gap }), ...update, ...(error && { error }) };
}
