import type { ChannelPosition } from '../../message/channelTypes.js';
import type { RxwireError } from '../../errors.js';

/**
 * The state of a client in a channel: joining, joined, recovering missed messages, informed of a gap (still joined; `joined` follows at
 * once), left, or refused.
 */
export type ChannelStatus = 'joining' | 'joined' | 'recovering' | 'gap' | 'left' | 'refused';

/** Messages that were lost and will not arrive. */
export interface ChannelGap {
  /**
   * `history`: the server no longer keeps the messages. `epoch`: the server lost its history. `overflow`: a buffer between the server and this client was full, because
   * this client was too slow or away for too long.
   */
  readonly reason: 'history' | 'epoch' | 'overflow';
  /** The position of the last message that arrived. */
  readonly after: ChannelPosition;
  /** The position at which delivery continues. */
  readonly next: ChannelPosition;
}

export interface ChannelState {
  readonly status: ChannelStatus;
  /** The id of this client for the other members: the `source` of its messages. Known after the join. */
  readonly member?: string;
  /** The latest gap. */
  readonly gap?: ChannelGap;
  /** For `refused`, the refusal. For `left`, the error of the wire, if the wire has failed. */
  readonly error?: RxwireError;
}
