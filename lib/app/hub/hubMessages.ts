import type { ChannelPresence, ChannelRefusal, ChannelRefused } from '../../message/channelTypes.js';
import { createMessage } from '../../message/createMessage.js';
import type { Message, MessageType, PayloadOf } from '../../message/types.js';
import type { ChannelEntry } from './channelLog.js';

/** Messages of a hub must arrive, whatever the default of the wire is: a client relies on complete delivery and drops duplicates. */
const DELIVERY = { delivery: 'at-least-once' } as const;

/** Frozen, so that an encoded message can be reused for all members. */
function hubMessage<T extends MessageType>(type: T, payload: PayloadOf<T>, correlationId?: string): Message<T> {
  const options = correlationId === undefined ? DELIVERY : { ...DELIVERY, correlationId };
  return Object.freeze(createMessage<T>(type, Object.freeze(payload) as PayloadOf<T>, options));
}

export const resetMessage = (): Message => hubMessage('channel.reset', null);

export const joinedMessage = (payload: PayloadOf<'channel.joined'>): Message => hubMessage('channel.joined', payload);

export const presenceMessage = (payload: ChannelPresence): Message => hubMessage('channel.presence', payload);

/** @param after The offset of the previous message. */
export function deliveryMessage(channel: string, { epoch, offset, message }: ChannelEntry, after: number): Message<'channel.message'> {
  return hubMessage('channel.message', { channel, epoch, offset, ...(after !== offset - 1 && { after }), message });
}

export function refusedMessage({ id }: Pick<Message, 'id'>, payload: ChannelRefused & { readonly reason: ChannelRefusal }): Message {
  return hubMessage('channel.refused', payload, id);
}
