import type { Delivery, Message } from '../message/types.js';
import { NONE, type MessageOutcome, type CoreEvent } from './coreTypes.js';
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

/** The calls of `Outgoing` to its outbox. */
export interface OutgoingOutbox {
  /** Returns whether a batch, or a skip of its numbers, may be sent. */
  maySend(batch: OutgoingBatch): boolean;
  /** Takes the outcome of a message. Returns whether its event waits for a write. */
  ended(id: string, event: CoreEvent | undefined): boolean;
  /** Returns whether the outbox holds a message. */
  keeps(id: string): boolean;
  /** Returns whether the outbox holds one of the messages, or is being given one. */
  mayKeep(messages: readonly Message[]): boolean;
  /**
   * Returns the outcome of a message at the end of the session; undefined if the next owner has the
   * message.
   */
  outcomeOf(id: string): MessageOutcome | undefined;
  /** The number of a message with an outcome is not acked: this owner and the next ones skip it. */
  skip(number: number): void;
  /** The numbers above `last` were given back: other messages get them. */
  tookBack(last: number): void;
  /** An ack has come. */
  acknowledged(): void;
  /** All messages have other numbers. */
  renumbered(): void;
  /** Some batches have other bodies. */
  reencoded(): void;
  /** Returns whether each message of a batch must have a frame of its own. */
  mustSplit(batch: OutgoingBatch): boolean;
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
