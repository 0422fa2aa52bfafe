import { InvalidMessageError } from '../../errors.js';
import type {
  ChannelDelivery,
  ChannelJoin,
  ChannelJoined,
  ChannelMember,
  ChannelPosition,
  ChannelPresence,
  ChannelPublish,
  ChannelRefusal,
  ChannelRefused,
  ChannelWatch,
} from '../../message/channelTypes.js';
import { NAME_PATTERN } from '../../message/limits.js';
import type { Message } from '../../message/types.js';
import { parseMessage } from '../../message/validate.js';

// What is in a payload is the other side's word: all of it is looked at, and nothing else is taken over.

type Fields = Readonly<Record<string, unknown>>;

export function readJoin(payload: unknown): ChannelJoin {
  const { join, after, history, watch } = fieldsOf(payload);
  return {
    channel: channelIn(payload),
    join: countOf(join, 'join'),
    ...(after != null && { after: positionOf(after) }),
    ...(history != null && { history: countOf(history, 'history') }),
    watch: watch === true,
  };
}

export function readPublish(payload: unknown): ChannelPublish<Message> {
  return { channel: channelIn(payload), message: parseMessage(fieldsOf(payload)['message'], 'payload.message') };
}

export function readWatch(payload: unknown): ChannelWatch {
  return { channel: channelIn(payload), watch: fieldsOf(payload)['watch'] === true };
}

export function readJoined(payload: unknown): ChannelJoined {
  const { join, member, complete } = fieldsOf(payload);
  return {
    ...positionOf(payload),
    channel: channelIn(payload),
    join: countOf(join, 'join'),
    member: textOf(member, 'member'),
    complete: complete === true,
  };
}

export function readDelivery(payload: unknown): ChannelDelivery<Message> {
  const { after, message } = fieldsOf(payload);
  const position = positionOf(payload);
  return {
    ...position,
    channel: channelIn(payload),
    after: after == null ? position.offset - 1 : countOf(after, 'after'),
    message: parseMessage(message, 'payload.message'),
  };
}

export function readRefused(payload: unknown): ChannelRefused {
  const { action, reason, join } = fieldsOf(payload);
  return {
    channel: channelIn(payload),
    action: action === 'publish' ? action : 'join',
    // Of a newer server there may be others.
    reason: textOf(reason, 'reason') as ChannelRefusal,
    ...(join != null && { join: countOf(join, 'join') }),
  };
}

export function readPresence(payload: unknown): ChannelPresence {
  const { entered, left, reset, more } = fieldsOf(payload);
  return {
    channel: channelIn(payload),
    entered: listOf(entered, 'entered').map(memberOf),
    left: listOf(left, 'left').map((id) => textOf(id, 'left')),
    reset: reset === true,
    more: more === true,
  };
}

/** The name of the channel that a payload is about. */
export function channelIn(payload: unknown): string {
  const { channel } = fieldsOf(payload);
  if (typeof channel === 'string' && NAME_PATTERN.test(channel)) return channel;
  return refuse('channel', `must be a string that matches ${NAME_PATTERN.source}`);
}

function positionOf(value: unknown): ChannelPosition {
  const { epoch, offset } = fieldsOf(value);
  return { epoch: textOf(epoch, 'epoch'), offset: countOf(offset, 'offset') };
}

function memberOf(value: unknown): ChannelMember {
  const { id, info } = fieldsOf(value);
  return { id: textOf(id, 'entered'), ...(info != null && { info }) };
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}

function countOf(value: unknown, field: string): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  return refuse(field, 'must be a whole number >= 0');
}

function textOf(value: unknown, field: string): string {
  if (typeof value === 'string' && value !== '' && value.length <= 128) return value;
  return refuse(field, 'must be a string of 1 to 128 characters');
}

function listOf(value: unknown, field: string): readonly unknown[] {
  return Array.isArray(value) ? value : refuse(field, 'must be an array');
}

function refuse(field: string, rule: string): never {
  throw new InvalidMessageError(`payload.${field}`, rule);
}

/** Whether a message is between a hub and its clients. */
export function isOfChannels({ type }: Message): boolean {
  return type.startsWith('channel.');
}
