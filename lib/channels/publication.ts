import { isUnencrypted } from '../codec/seal/encryptedPayload.js';
import type { ChannelRefusal } from '../message/channelTypes.js';
import { ChannelEndedError, EncodeError, FrameTooLargeError, InvalidMessageError } from '../message/errors.js';
import type { Message } from '../message/types.js';
import { isChannelMessage, readEnd, readPublish } from './channelPayloads.js';

/** A message of a client for a channel, and the last permission that it needs. */
export interface Publication {
  readonly carrier: Message;
  readonly channel: string;
  readonly action: 'publish' | 'end';
  /** The message as the log stores it. */
  readonly message: Message;
  readonly confirm: boolean;
}

/** Returns what a member publishes. @throws {InvalidMessageError} If it is malformed. */
export function publicationOf(carrier: Message, member: string): Publication {
  const { channel, message, ephemeral, confirm } = readPublish(carrier.payload);
  const isEnd = message.type === 'channel.ended';
  if (isEnd) readEnd(message.payload);
  // The other messages of the protocol would deceive the members.
  if (isChannelMessage(message) && (!isEnd || ephemeral))
    throw new InvalidMessageError('payload.message.type', 'must not begin with channel.');
  const own: Message = { ...message, source: member, ...(ephemeral && { delivery: 'at-most-once' }) };
  return { carrier, channel, action: isEnd ? 'end' : 'publish', message: own, confirm };
}

/**
 * Returns why a hub refuses a publication without asking for a permission.
 *
 * @param fault Why a member could not receive the message.
 */
export function refusalOfPublication({ message }: Publication, fault: Error | undefined): ChannelRefusal | undefined {
  if (fault) return refusalOf(fault);
  // The log and the other members would receive the plain text, also where the codec of this client
  // encrypts.
  return isUnencrypted(message) ? 'not-encrypted' : undefined;
}

/** Returns the reason with which a hub refuses a message because of an error. */
export function refusalOf(error: unknown): ChannelRefusal {
  if (error instanceof ChannelEndedError) return 'ended';
  if (error instanceof FrameTooLargeError) return 'too-large';
  if (error instanceof EncodeError) return 'unsupported';
  return error instanceof InvalidMessageError ? 'invalid' : 'failed';
}
