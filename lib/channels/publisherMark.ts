import type { Message } from '../message/types.js';
import type { ChannelBroadcast, ChannelEntry } from './channelLog.js';

/**
 * The source of a stored message that a client has published: the id of the member, and 16
 * characters that identify the outbox of the client. No id of a member contains a space.
 */
const MARKED = /^[\w.:/-]{1,128} [\w-]{16}$/;
const MARK_LENGTH = 17;

/** Returns a message of a client as the log stores it. @param publisher See `Wire.publisher`. */
export function markPublisher(message: Message, publisher: string): Message {
  return { ...message, source: `${message.source} ${publisher}` };
}

/**
 * Identifies a message among those of its channel: a message with the same key is a repeat. The
 * publisher chooses the id of a message, so the id alone could be that of another publisher. A
 * member id is no part of the key of a client: an anonymous client that has lost its session is
 * another member.
 */
export function repeatKeyOf({ source, id }: Pick<Message, 'source' | 'id'>): string {
  return MARKED.test(source) ? source.slice(1 - MARK_LENGTH) + id : `${source.length}:${source}${id}`;
}

/** Returns an entry as the members see it. */
export function withoutMark<T extends ChannelEntry | ChannelBroadcast>(entry: T): T {
  const { message } = entry;
  if (!MARKED.test(message.source)) return entry;
  return { ...entry, message: { ...message, source: message.source.slice(0, -MARK_LENGTH) } };
}
