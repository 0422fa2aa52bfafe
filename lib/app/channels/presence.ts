import type { ChannelMember } from '../../message/channelTypes.js';

/** The members of a channel, and the latest change. */
export interface Presence {
  /** All members. */
  readonly members: readonly ChannelMember[];
  /** All members but this client. On the server, all members. */
  readonly others: readonly ChannelMember[];
  /** The members that joined since the previous value. */
  readonly entered: readonly ChannelMember[];
  /** The members that left since the previous value. */
  readonly left: readonly ChannelMember[];
  /** The members whose state has changed since the previous value. */
  readonly updated: readonly ChannelMember[];
}
