import type { ChannelMember, ChannelPosition, ChannelRefusal } from '../../message/channelTypes.js';
import { estimateSize } from '../../message/estimateSize.js';
import { createMessage, type MessageOptions } from '../../message/createMessage.js';
import { UnhandledError } from '../../message/errors.js';
import { NAME_PATTERN } from '../../message/messageLimits.js';
import type { Message, MessageType, PayloadOf } from '../../message/types.js';
import { isReplyOrCancel } from '../../operators/requests/replyMessage.js';
import { claim } from '../../wire/session/messageClaim.js';
import type { ChannelEntry } from '../../channels/channelLog.js';
import type { PresenceChange } from '../../channels/clusterPresence.js';

/** A client of a hub relies on complete delivery, whatever the default of its wire is. */
const DELIVERY = { delivery: 'at-least-once' } as const;

/** Frozen, so that an encoded message can be reused for all members. */
export function hubMessage<T extends MessageType>(type: T, payload: PayloadOf<T>, options: MessageOptions = DELIVERY): Message<T> {
  return Object.freeze(createMessage<T>(type, Object.freeze(payload) as PayloadOf<T>, options));
}

export function answerMessage<T extends MessageType>(request: Message, type: T, payload: PayloadOf<T>): Message<T> {
  return hubMessage(type, payload, { ...DELIVERY, correlationId: request.id });
}

/**
 * Refuses a `channel.publish` that no hub handles, in its delivery: the sender receives the reason
 * with the ack, and with an answer if the channel has a valid name: an invalid one may be large.
 */
export function refuseWithoutHub(publish: Message, report: (error: UnhandledError) => void, send: (answer: Message) => void): void {
  const reason = 'no-hub' satisfies ChannelRefusal;
  claim(publish)?.end({ rejection: { kind: 'refused', code: 'ERR_CHANNEL_REFUSED', reason } });
  report(new UnhandledError(publish));
  const { channel } = Object(publish.payload) as { readonly channel?: unknown };
  const isNamed = typeof channel === 'string' && NAME_PATTERN.test(channel);
  if (isNamed) send(answerMessage(publish, 'channel.refused', { channel, action: 'publish', reason }));
}

/** Returns a message for a member. @param after The offset of the previous message. */
export function deliveryMessage(channel: string, { epoch, offset, message }: ChannelEntry, after: number): Message {
  return hubMessage('channel.message', { channel, epoch, offset, ...(after !== offset - 1 && { after }), message });
}

/** Returns a repeat for a member that has all up to a position. For others it is behind a gap. */
export function reminderMessage(channel: string, { epoch, offset }: ChannelPosition): Message {
  return hubMessage('channel.message', { channel, epoch, offset, after: offset, lost: 'undeliverable' });
}

/**
 * Returns a message that is not stored. Its lifetime starts again: the clocks of clients differ.
 */
export function ephemeralMessage(channel: string, message: Message): Message {
  const { ttl } = message;
  return hubMessage('channel.message', { channel, message }, { delivery: 'at-most-once', ...(ttl !== undefined && { ttl }) });
}

/** Returns the only member that receives a message: the `target` of an answer. */
export function recipientOf({ type, target }: Message): string | undefined {
  return target !== undefined && isReplyOrCancel(type) ? target : undefined;
}

/** The maximum estimated size of the members in one message, in bytes, and their maximum number. */
const PART_BYTES = 262_144;
const PART_MEMBERS = 250;

/** Splits a list into parts for one frame each; an empty list has one part. */
function partsOf(members: readonly ChannelMember[]): readonly (readonly ChannelMember[])[] {
  let part: ChannelMember[] = [];
  const parts = [part];
  let bytes = 0;
  for (const member of members) {
    if (bytes > PART_BYTES || part.length >= PART_MEMBERS) {
      parts.push((part = []));
      bytes = 0;
    }
    bytes += estimateSize(member);
    part.push(member);
  }
  return parts;
}

export function memberListMessages(channel: string, members: readonly ChannelMember[]): readonly Message[] {
  return partsOf(members).map((entered, index, { length }) =>
    hubMessage('channel.presence', { channel, entered, left: [], reset: true, more: index < length - 1 }),
  );
}

export function presenceMessages(channel: string, { entered, left, updated }: PresenceChange): readonly Message[] {
  const [entering, updating] = [partsOf(entered), partsOf(updated)];
  return Array.from({ length: Math.max(entering.length, updating.length) }, (_, index) => {
    const changed = updating[index] ?? [];
    const leaving = index === 0 ? left.map(({ id }) => id) : [];
    const payload = { channel, entered: entering[index] ?? [], left: leaving, ...(changed.length > 0 && { updated: changed }) };
    return hubMessage('channel.presence', payload);
  });
}
