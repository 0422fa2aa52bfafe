import { msgpack } from '../../codec/msgpack.js';
import { ChannelEndedError } from '../../message/errors.js';
import type { Message } from '../../message/types.js';
import { endedError } from '../../channels/channelPayloads.js';

/** Without limits: a message has passed those of the codec with which it has arrived. */
const codec = msgpack({ maxNodes: Infinity, maxDepth: 128 });

/** Encodes a message for a log on disk. */
export function encodeStored(message: Message): Uint8Array {
  return codec.encode([message]) as Uint8Array;
}

/** Returns a stored message; undefined if it is unreadable. */
export function decodeStored(data: Uint8Array): Message | undefined {
  try {
    return codec.decode(data)[0];
  } catch {
    return undefined;
  }
}

/** Returns the error of an ended channel. @param end Undefined if the message is unreadable. */
export function endedBy(channel: string, end: Message | undefined): ChannelEndedError {
  return end ? endedError(channel, end) : new ChannelEndedError(channel, { status: 'failed', reason: 'its last message is unreadable' });
}
