import { isBehind } from './follow.js';
import { deliveryMessage, joinedMessage, presenceMessage } from './sent.js';
import type { ChannelSlice } from './channelLog.js';
import type { ChannelJoin, ChannelMember } from '../../message/channelTypes.js';
import type { Message } from '../../message/types.js';
import type { Wire } from '../../wire/wire.js';

/** A client in a channel. */
export interface Seat {
  readonly wire: Wire;
  readonly member: ChannelMember;
  isWatching: boolean;
  /** What comes while its past is being read. */
  waiting: Message<'channel.message'>[] | undefined;
}

/** Members that travel in one message. */
const PAGE = 250;

/** Tells a client who is in. */
export function sendList(channel: string, { wire }: Seat, members: readonly ChannelMember[]): void {
  for (let at = 0; at === 0 || at < members.length; at += PAGE) {
    const entered = members.slice(at, at + PAGE);
    wire.next(presenceMessage({ channel, entered, left: [], reset: true, more: at + PAGE < members.length }));
  }
}

/** Tells a client that it is in, and gives it what it has missed, and what came meanwhile. */
export function replay(channel: string, seat: Seat, { join, after }: ChannelJoin, slice: ChannelSlice): void {
  const { wire, member, waiting = [] } = seat;
  const { entries, epoch, last, isComplete } = slice;
  const first = entries[0] ? entries[0].offset - 1 : last;
  // With nothing behind the place it had, it has all up to where the log is: the next one comes behind that.
  const known = after && (entries[0] ? after.offset : Math.max(last, after.offset));
  const offset = isComplete && known !== undefined ? known : first;
  wire.next(joinedMessage({ channel, join, member: member.id, epoch, offset, complete: isComplete }));
  let previous = offset;
  for (const entry of entries) {
    wire.next(deliveryMessage(channel, entry, previous));
    previous = entry.offset;
  }
  for (const message of waiting) if (isBehind(message.payload, { epoch, offset: last })) wire.next(message);
  seat.waiting = undefined;
}
