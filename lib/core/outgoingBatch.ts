import type { Delivery, Message } from '../message/types.js';
import { NONE } from './coreTypes.js';
import type { Body } from './storedTypes.js';

/**
 * Messages with consecutive numbers. Without messages, its numbers are those of messages that are
 * gone: they are skipped.
 */
export interface OutgoingBatch {
  readonly first: number;
  readonly count: number;
  readonly messages: readonly Message[];
  readonly level: Delivery;
  /** Undefined until the batch is encoded. */
  body: Body | undefined;
  /** The time at which this owner has sent the batch last; undefined if it has not. */
  sentAt: number | undefined;
}

/**
 * The number of messages in a batch while more wait: the receiver decodes one batch while the
 * sender encodes the next. With larger batches, both sides would wait for each other.
 */
export const USUAL_BATCH = 64;
/** A frame of this size asks for its ack at once, in bytes. */
export const LARGE = 16_384;
/** The size that the header of a frame counts in the window. */
const HEADER_SIZE = 32;

export const lastOf = ({ first, count }: OutgoingBatch): number => first + count - 1;
export const sizeOf = ({ body }: OutgoingBatch): number => (body?.length ?? 0) + HEADER_SIZE;

/** Returns a batch that is still to be encoded. */
export const newBatch = (first: number, messages: readonly Message[], level: Delivery): OutgoingBatch => ({
  first,
  count: messages.length,
  messages,
  level,
  body: undefined,
  sentAt: undefined,
});

/** Returns a batch of numbers that are skipped. */
export const skippedBatch = (first: number, count: number): OutgoingBatch => ({
  first,
  count,
  messages: NONE,
  level: 'at-least-once',
  body: '',
  sentAt: undefined,
});

/**
 * Splits a batch into smaller ones of the same numbers, which are still to be encoded.
 *
 * @param rx The other side has accepted the numbers up to this one: their batch is only kept until
 *   its ack.
 * @param acceptedBody The body of that batch. An outbox needs one, for its next owner.
 */
export function smallerBatches(
  { first, count, messages, level, sentAt }: OutgoingBatch,
  rx: number,
  maxBatch: number,
  acceptedBody?: Body,
): readonly OutgoingBatch[] {
  const accepted = Math.max(0, rx + 1 - first);
  const parts: OutgoingBatch[] =
    accepted > 0 ? [{ first, count: accepted, messages: messages.slice(0, accepted), level, body: acceptedBody, sentAt }] : [];
  for (let from = accepted; from < count; from += maxBatch) {
    const part = messages.slice(from, from + maxBatch);
    parts.push({ first: first + from, count: part.length, messages: part, level, body: undefined, sentAt });
  }
  return parts;
}

/**
 * Returns the numbers of a batch, from `start` on, without a message, or whose messages are gone.
 */
export function numbersFrom(start: number, { first, count, messages }: OutgoingBatch, isGone: (message: Message) => boolean): number[] {
  const numbers: number[] = [];
  for (let number = start; number < first + count; number++) {
    const message = messages[number - first];
    if (!message || isGone(message)) numbers.push(number);
  }
  return numbers;
}
