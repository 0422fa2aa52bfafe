import type { ChannelPresence, ChannelRefusal, ChannelRefused } from '../../message/channelTypes.js';
import { createMessage } from '../../message/createMessage.js';
import type { Message, MessageType, PayloadOf } from '../../message/types.js';
import type { ChannelEntry } from './channelLog.js';

/** What a hub sends must arrive, whatever a wire promises otherwise: a member counts on getting all of it, and drops what comes twice. */
const DELIVERY = { delivery: 'at-least-once' } as const;

/** Frozen: who encodes it for one member may use that for the others. */
function sent<T extends MessageType>(type: T, payload: PayloadOf<T>, correlationId?: string): Message<T> {
  const options = correlationId === undefined ? DELIVERY : { ...DELIVERY, correlationId };
  return Object.freeze(createMessage<T>(type, Object.freeze(payload) as PayloadOf<T>, options));
}

export const resetMessage = (): Message => sent('channel.reset', null);

export const joinedMessage = (payload: PayloadOf<'channel.joined'>): Message => sent('channel.joined', payload);

export const presenceMessage = (payload: ChannelPresence): Message => sent('channel.presence', payload);

/** @param after The offset of the message before it. */
export function deliveryMessage(channel: string, { epoch, offset, message }: ChannelEntry, after: number): Message<'channel.message'> {
  return sent('channel.message', { channel, epoch, offset, ...(after !== offset - 1 && { after }), message });
}

export function refusedMessage({ id }: Pick<Message, 'id'>, payload: ChannelRefused & { readonly reason: ChannelRefusal }): Message {
  return sent('channel.refused', payload, id);
}
