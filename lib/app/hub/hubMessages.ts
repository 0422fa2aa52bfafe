import type { ChannelDelivery, ChannelMember, ChannelPosition, ChannelPresence, ChannelRefused } from '../../message/channelTypes.js';
import { estimateSize } from '../../internal/estimateSize.js';
import { createMessage, type MessageOptions } from '../../message/createMessage.js';
import type { Message, MessageType, PayloadOf } from '../../message/types.js';
import type { ChannelEntry } from './channelLog.js';
import type { PresenceChange } from './clusterPresence.js';

/**
 * Messages of a hub must arrive, whatever the default of the wire is: a client relies on complete
 * delivery and drops duplicates.
 */
const DELIVERY = { delivery: 'at-least-once' } as const;

/** Frozen, so that an encoded message can be reused for all members. */
function hubMessage<T extends MessageType>(type: T, payload: PayloadOf<T>, options: MessageOptions = DELIVERY): Message<T> {
  return Object.freeze(createMessage<T>(type, Object.freeze(payload) as PayloadOf<T>, options));
}

export const resetMessage = (): Message => hubMessage('channel.reset', null);

export const joinedMessage = (payload: PayloadOf<'channel.joined'>): Message => hubMessage('channel.joined', payload);

const presenceMessage = (payload: ChannelPresence): Message => hubMessage('channel.presence', payload);

/** A message of the history for a member. */
export type LoggedMessage = Message<'channel.message', ChannelDelivery<Message> & ChannelPosition>;

/** @param after The offset of the previous message. */
export function deliveryMessage(channel: string, { epoch, offset, message }: ChannelEntry, after: number): LoggedMessage {
  const payload = { channel, epoch, offset, ...(after !== offset - 1 && { after }), message };
  return hubMessage('channel.message', payload) as LoggedMessage;
}

/**
 * A message for a member that is not in the history. Its lifetime starts again when the hub sends
 * it: the clocks of clients differ.
 */
export function ephemeralMessage(channel: string, message: Message): Message {
  const { ttl } = message;
  return hubMessage('channel.message', { channel, message }, { delivery: 'at-most-once', ...(ttl !== undefined && { ttl }) });
}

/** The maximum estimated size of the items in one message, in bytes. */
const PART_BYTES = 262_144;
/** The maximum number of members in one message. */
const PART_MEMBERS = 250;

/**
 * Splits a list into parts, each of which is small enough for a frame; an empty list has one part.
 */
function partsOf<T>(items: readonly T[], sizeOf: (item: T) => number, maxItems = Infinity): readonly (readonly T[])[] {
  let part: T[] = [];
  const parts = [part];
  let bytes = 0;
  for (const item of items) {
    if (bytes > PART_BYTES || part.length >= maxItems) {
      parts.push((part = []));
      bytes = 0;
    }
    bytes += sizeOf(item);
    part.push(item);
  }
  return parts;
}

/** Returns the messages with the list of members. */
export function memberListMessages(channel: string, members: readonly ChannelMember[]): readonly Message[] {
  const parts = partsOf(members, estimateSize, PART_MEMBERS);
  return parts.map((entered, index) => presenceMessage({ channel, entered, left: [], reset: true, more: index < parts.length - 1 }));
}

/** Returns the messages with a change of the members. */
export function presenceMessages(channel: string, { entered, left, updated }: PresenceChange): readonly Message[] {
  const [entering, updating] = [partsOf(entered, estimateSize, PART_MEMBERS), partsOf(updated, estimateSize, PART_MEMBERS)];
  return Array.from({ length: Math.max(entering.length, updating.length) }, (_, index) => {
    const changed = updating[index] ?? [];
    const leaving = index === 0 ? left.map(({ id }) => id) : [];
    return presenceMessage({ channel, entered: entering[index] ?? [], left: leaving, ...(changed.length > 0 && { updated: changed }) });
  });
}

/** Returns a part of the answer to a request for older messages. */
export function pastMessage({ id }: Pick<Message, 'id'>, channel: string, entries: readonly ChannelEntry[], more: boolean): Message {
  const past = entries.map(({ epoch, offset, message }) => ({ epoch, offset, message }));
  return hubMessage('channel.past', { channel, entries: past, more }, { ...DELIVERY, correlationId: id });
}

/** @param position Undefined for an ephemeral message. */
export function publishedMessage({ id }: Pick<Message, 'id'>, channel: string, position: ChannelPosition | undefined): Message {
  const payload = position ? { channel, epoch: position.epoch, offset: position.offset } : { channel };
  return hubMessage('channel.published', payload, { ...DELIVERY, correlationId: id });
}

/** Tells a client that it is no member any more. */
export const removedMessage = (channel: string, join: number, reason: string): Message =>
  hubMessage('channel.refused', { channel, action: 'join', reason, join });

export function refusedMessage({ id }: Pick<Message, 'id'>, payload: ChannelRefused): Message {
  return hubMessage('channel.refused', payload, { ...DELIVERY, correlationId: id });
}
