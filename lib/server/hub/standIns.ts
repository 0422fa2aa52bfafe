import type { ChannelMember, ChannelPast, ChannelPresence } from '../../message/channelTypes.js';
import type { Message, PayloadOf } from '../../message/types.js';
import { hubMessage } from './hubMessages.js';

/**
 * Returns the messages of a hub that are sent in place of one that a client cannot receive: its
 * codec cannot carry a value, or its frame is too large. A list is divided, until the fault is
 * alone: a message that is only named, or a member without its state. So nothing else is missing.
 */
export function standInsFor(message: Message): readonly Message[] {
  if (message.type === 'channel.message') return lostMessage(message.payload as PayloadOf<'channel.message'>);
  if (message.type === 'channel.past') return partsOfPast(message, message.payload as ChannelPast<Message>);
  if (message.type === 'channel.presence') return partsOfPresence(message.payload as ChannelPresence);
  return [];
}

/** An ephemeral message has no position, and a message that is only named has no shorter form. */
function lostMessage({ channel, epoch, offset, after, message }: PayloadOf<'channel.message'>): readonly Message[] {
  if (epoch === undefined || offset === undefined || !message) return [];
  const place = { channel, epoch, offset, ...(after !== undefined && { after }) };
  return [hubMessage('channel.message', { ...place, lost: 'undeliverable' })];
}

function partsOfPast({ correlationId }: Message, { channel, entries, more }: ChannelPast<Message>): readonly Message[] {
  const options = { delivery: 'at-least-once', ...(correlationId !== undefined && { correlationId }) } as const;
  const part = (some: typeof entries, isFollowed: boolean): Message =>
    hubMessage('channel.past', { channel, entries: some, more: isFollowed }, options);
  const half = entries.length >> 1;
  if (half > 0) return [part(entries.slice(0, half), true), part(entries.slice(half), more)];
  return entries.flatMap(({ epoch, offset, message }) => (message ? part([{ epoch, offset, lost: 'undeliverable' }], more) : []));
}

function partsOfPresence({ channel, left, entered, updated = [], reset = false, more = false }: ChannelPresence): readonly Message[] {
  const counts = [left.length, left.length + entered.length, left.length + entered.length + updated.length] as const;
  const part = (from: number, to: number, isFollowed: boolean, change = (member: ChannelMember) => member): Message =>
    hubMessage('channel.presence', {
      channel,
      left: left.slice(from, to),
      entered: entered.slice(Math.max(0, from - counts[0]), Math.max(0, to - counts[0])).map(change),
      updated: updated.slice(Math.max(0, from - counts[1]), Math.max(0, to - counts[1])).map(change),
      reset,
      more: isFollowed,
    });
  const half = counts[2] >> 1;
  if (half > 0) return [part(0, half, reset), part(half, counts[2], more)];
  const isSmallest = [...entered, ...updated].every(({ state, info }) => state === undefined && info === undefined);
  return isSmallest ? [] : [part(0, 1, more, smaller)];
}

/** Returns a member without its state; without its information, if it has no state. */
const smaller = ({ id, info, state }: ChannelMember): ChannelMember => ({ id, ...(info !== undefined && state !== undefined && { info }) });
