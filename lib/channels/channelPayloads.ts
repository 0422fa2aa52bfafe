import { callSafely } from '../message/errors/callSafely.js';
import { ChannelEndedError, InvalidMessageError } from '../message/errors.js';
import type {
  ChannelEnd,
  ChannelHistoryRequest,
  ChannelJoin,
  ChannelJoined,
  ChannelMember,
  ChannelPast,
  ChannelPosition,
  ChannelPresence,
  ChannelPublish,
  ChannelRefused,
  ChannelUpdate,
  ChannelWatch,
} from '../message/channelTypes.js';
import { MAX_REASON_LENGTH, NAME_PATTERN } from '../message/messageLimits.js';
import type { Message } from '../message/types.js';
import { parseMessage } from '../message/parseMessage.js';

type Fields = Readonly<Record<string, unknown>>;

/** A payload that a client has received in a channel, whose name was read before. */
export type Received<T> = Omit<T, 'channel'>;

export interface ReceivedMessage {
  /** Undefined if the server cannot send the message to this client. */
  readonly message: Message | undefined;
  /** Undefined for an ephemeral message. */
  readonly position: ChannelPosition | undefined;
  /** The offset of the previous message. */
  readonly after: number;
}

export function readJoin(payload: unknown): ChannelJoin {
  const { join, after, start, history, watch } = fieldsOf(payload);
  return {
    channel: channelNameOf(payload),
    join: countOf(join, 'join'),
    ...(after != null && { after: positionOf(after) }),
    ...(start === true && { start }),
    ...(history != null && { history: countOf(history, 'history') }),
    watch: watch === true,
  };
}

export function readEnd(payload: unknown): ChannelEnd {
  const { status, reason } = fieldsOf(payload);
  if (status !== 'completed' && status !== 'failed' && status !== 'interrupted')
    return reject('status', 'must be completed, failed or interrupted');
  return { status, ...(reason != null && { reason: textOf(reason, 'reason', MAX_REASON_LENGTH) }) };
}

export const endedError = (channel: string, { payload }: Message): ChannelEndedError => new ChannelEndedError(channel, readEnd(payload));

/** Returns the error of a reader at the end of its channel; `undefined` if it has received all. */
export function errorOfEnd(channel: string, end: ChannelEnd, hasGap: boolean): ChannelEndedError | undefined {
  if (end.status !== 'completed') return new ChannelEndedError(channel, end);
  return hasGap ? new ChannelEndedError(channel, { status: 'incomplete', reason: 'the server no longer has all messages' }) : undefined;
}

export function readPublish(payload: unknown): Required<ChannelPublish<Message>> {
  const { message, ephemeral, confirm } = fieldsOf(payload);
  return {
    channel: channelNameOf(payload),
    message: parseMessage(message, 'payload.message'),
    ephemeral: ephemeral === true,
    confirm: confirm === true,
  };
}

/** Returns the position of a published message; undefined for an ephemeral one. */
export function readPublished(payload: unknown): ChannelPosition | undefined {
  const { epoch, offset } = fieldsOf(payload);
  return epoch == null && offset == null ? undefined : positionOf(payload);
}

export function readWatch(payload: unknown): ChannelWatch {
  return { channel: channelNameOf(payload), watch: fieldsOf(payload)['watch'] === true };
}

export const isAway = (payload: unknown): boolean => fieldsOf(payload)['away'] === true;

export function readUpdate(payload: unknown): ChannelUpdate {
  return { channel: channelNameOf(payload), state: fieldsOf(payload)['state'] };
}

export function readJoined(payload: unknown): Received<ChannelJoined> {
  const { join, member, complete } = fieldsOf(payload);
  return {
    ...positionOf(payload),
    join: countOf(join, 'join'),
    member: textOf(member, 'member'),
    complete: complete === true,
  };
}

/** Reads a message of a channel. It has the source of its carrier if it has none. */
export function readDelivery({ payload, source }: Message, onUnreadable: (error: unknown) => void): ReceivedMessage {
  const fields = fieldsOf(payload);
  const message = carriedBy(fields, onUnreadable);
  if (message && !message.source) (message as { source: string }).source = source;
  const position = readPublished(payload);
  const { after } = fields;
  return { message, position, after: position && after != null ? countOf(after, 'after') : (position?.offset ?? 0) - 1 };
}

/**
 * Returns the message in a payload; undefined if the server says that it cannot send it, or if it
 * is unreadable: then only this message is lost.
 */
function carriedBy({ message, lost }: Fields, onUnreadable: (error: unknown) => void): Message | undefined {
  return lost === undefined ? callSafely(() => parseMessage(message, 'payload.message'), onUnreadable) : undefined;
}

export function readHistoryRequest(payload: unknown): ChannelHistoryRequest {
  const { before, limit } = fieldsOf(payload);
  return { channel: channelNameOf(payload), limit: countOf(limit, 'limit'), ...(before != null && { before: positionOf(before) }) };
}

export function readPast(payload: unknown, onUnreadable: (error: unknown) => void): Received<ChannelPast<Message>> {
  const { entries, more } = fieldsOf(payload);
  const entryOf = (value: unknown): ChannelPosition & { readonly message?: Message } => {
    const message = carriedBy(fieldsOf(value), onUnreadable);
    return { ...positionOf(value), ...(message && { message }) };
  };
  return { entries: listOf(entries, 'entries').map(entryOf), more: more === true };
}

export function readRefused(payload: unknown): Received<ChannelRefused> {
  const { action, reason, join } = fieldsOf(payload);
  return {
    action: action === 'publish' || action === 'end' || action === 'presence' ? action : 'join',
    reason: textOf(reason, 'reason', MAX_REASON_LENGTH),
    ...(join != null && { join: countOf(join, 'join') }),
  };
}

export function readPresence(payload: unknown): Received<ChannelPresence> {
  const { entered, left, updated, reset, more } = fieldsOf(payload);
  return {
    entered: listOf(entered, 'entered').map(memberOf),
    left: listOf(left, 'left').map((id) => textOf(id, 'left')),
    ...(updated != null && { updated: listOf(updated, 'updated').map(memberOf) }),
    reset: reset === true,
    more: more === true,
  };
}

export function channelNameOf(payload: unknown): string {
  const { channel } = fieldsOf(payload);
  if (typeof channel === 'string' && NAME_PATTERN.test(channel)) return channel;
  return reject('channel', `must be a string that matches ${NAME_PATTERN.source}`);
}

function positionOf(value: unknown): ChannelPosition {
  const { epoch, offset } = fieldsOf(value);
  return { epoch: textOf(epoch, 'epoch'), offset: countOf(offset, 'offset') };
}

function memberOf(value: unknown): ChannelMember {
  const { id, info, state } = fieldsOf(value);
  return { id: textOf(id, 'id'), ...(info != null && { info }), ...(state != null && { state }) };
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}

function countOf(value: unknown, field: string): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  return reject(field, 'must be a whole number >= 0');
}

function textOf(value: unknown, field: string, maxLength = 128): string {
  if (typeof value === 'string' && value !== '' && value.length <= maxLength) return value;
  return reject(field, `must be a string of 1 to ${maxLength} characters`);
}

function listOf(value: unknown, field: string): readonly unknown[] {
  return Array.isArray(value) ? value : reject(field, 'must be an array');
}

function reject(field: string, rule: string): never {
  throw new InvalidMessageError(`payload.${field}`, rule);
}

/** Returns whether a message is part of the protocol between a hub and its clients. */
export function isChannelMessage({ type }: Message): boolean {
  return type.startsWith('channel.');
}
