import type { ChannelPosition } from '../../message/channelTypes.js';
import type { ChannelRefusedError } from '../../errors.js';

/**
 * How a client stands to a channel: on its way in, in, finding out what it has missed, told that some of that is gone (it is in, and
 * `joined` follows at once), out, or not let in.
 */
export type ChannelStatus = 'joining' | 'joined' | 'recovering' | 'gap' | 'left' | 'refused';

/** Messages that did not come, and will not. */
export interface ChannelGap {
  /**
   * `history`: the server does not keep them any more; `epoch`: it has lost its history; `overflow`: there was no room for them on their
   * way to us, as we were too slow, or away for too long.
   */
  readonly reason: 'history' | 'epoch' | 'overflow';
  /** The last one that came. */
  readonly after: ChannelPosition;
  /** Where it goes on. */
  readonly next: ChannelPosition;
}

export interface ChannelState {
  readonly status: ChannelStatus;
  /** What we are to the others: the `source` of what we publish. Known once we are in. */
  readonly member?: string;
  /** The latest gap. */
  readonly gap?: ChannelGap;
  /** Why we were refused. */
  readonly error?: ChannelRefusedError;
}
