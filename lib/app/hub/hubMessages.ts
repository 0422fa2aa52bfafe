import type { ChannelDelivery, ChannelPosition, ChannelPresence, ChannelRefused } from '../../message/channelTypes.js';
import { createMessage, type MessageOptions } from '../../message/createMessage.js';
import type { Message, MessageType, PayloadOf } from '../../message/types.js';
import type { ChannelEntry } from './channelLog.js';

/** Messages of a hub must arrive, whatever the default of the wire is: a client relies on complete delivery and drops duplicates. */
const DELIVERY = { delivery: 'at-least-once' } as const;

/** Frozen, so that an encoded message can be reused for all members. */
function hubMessage<T extends MessageType>(type: T, payload: PayloadOf<T>, options: MessageOptions = DELIVERY): Message<T> {
  return Object.freeze(createMessage<T>(type, Object.freeze(payload) as PayloadOf<T>, options));
}

export const resetMessage = (): Message => hubMessage('channel.reset', null);

export const joinedMessage = (payload: PayloadOf<'channel.joined'>): Message => hubMessage('channel.joined', payload);

export const presenceMessage = (payload: ChannelPresence): Message => hubMessage('channel.presence', payload);

/** A message of the history for a member. */
export type LoggedMessage = Message<'channel.message', ChannelDelivery<Message> & ChannelPosition>;

/** @param after The offset of the previous message. */
export function deliveryMessage(channel: string, { epoch, offset, message }: ChannelEntry, after: number): LoggedMessage {
  const payload = { channel, epoch, offset, ...(after !== offset - 1 && { after }), message };
  return hubMessage('channel.message', payload) as LoggedMessage;
}

/** A message for a member that is not in the history. Its lifetime starts again when the hub sends it: the clocks of clients differ. */
export function ephemeralMessage(channel: string, message: Message): Message {
  const { ttl } = message;
  return hubMessage('channel.message', { channel, message }, { delivery: 'at-most-once', ...(ttl !== undefined && { ttl }) });
}

/** @param position Undefined for an ephemeral message. */
export function publishedMessage({ id }: Pick<Message, 'id'>, channel: string, position: ChannelPosition | undefined): Message {
  const payload = position ? { channel, epoch: position.epoch, offset: position.offset } : { channel };
  return hubMessage('channel.published', payload, { ...DELIVERY, correlationId: id });
}

export function refusedMessage({ id }: Pick<Message, 'id'>, payload: ChannelRefused): Message {
  return hubMessage('channel.refused', payload, { ...DELIVERY, correlationId: id });
}
