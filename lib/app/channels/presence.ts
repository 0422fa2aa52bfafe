import type { ChannelMember } from '../../message/channelTypes.js';

/** Who is in a channel, and how that came about. */
export interface Presence {
  /** All who are in. */
  readonly members: readonly ChannelMember[];
  /** Who has come since the last time. */
  readonly entered: readonly ChannelMember[];
  /** Who has gone. */
  readonly left: readonly ChannelMember[];
}
