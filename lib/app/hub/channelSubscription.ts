import { isAfter } from './followLog.js';
import { deliveryMessage, joinedMessage, presenceMessage, type LoggedMessage } from './hubMessages.js';
import type { ChannelSlice } from './channelLog.js';
import type { ChannelJoin, ChannelMember } from '../../message/channelTypes.js';
import type { Wire } from '../../wire/wire.js';

/** The subscription of a client to a channel. */
export interface ChannelSubscription {
  readonly wire: Wire;
  readonly member: ChannelMember;
  isWatching: boolean;
  /** Messages that arrive while the history is read. */
  buffered: LoggedMessage[] | undefined;
}

/** The maximum number of members in one message. */
const PAGE_SIZE = 250;

/** Sends the list of members to a client. */
export function sendMembers(channel: string, { wire }: ChannelSubscription, members: readonly ChannelMember[]): void {
  for (let at = 0; at === 0 || at < members.length; at += PAGE_SIZE) {
    const entered = members.slice(at, at + PAGE_SIZE);
    wire.next(presenceMessage({ channel, entered, left: [], reset: true, more: at + PAGE_SIZE < members.length }));
  }
}

/** Confirms a join, and sends the missed messages and those that arrived meanwhile. */
export function replay(channel: string, subscription: ChannelSubscription, { join, after }: ChannelJoin, slice: ChannelSlice): void {
  const { wire, member, buffered = [] } = subscription;
  const { entries, epoch, last, isComplete } = slice;
  const first = entries[0] ? entries[0].offset - 1 : last;
  // If the log has nothing behind the client's position, the client is up to date: the next message follows the end of the log.
  const known = after && (entries[0] ? after.offset : Math.max(last, after.offset));
  const offset = isComplete && known !== undefined ? known : first;
  wire.next(joinedMessage({ channel, join, member: member.id, epoch, offset, complete: isComplete }));
  let previous = offset;
  for (const entry of entries) {
    wire.next(deliveryMessage(channel, entry, previous));
    previous = entry.offset;
  }
  for (const message of buffered) if (isAfter(message.payload, { epoch, offset: last })) wire.next(message);
  subscription.buffered = undefined;
}
