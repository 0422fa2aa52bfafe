import type { OutgoingBatch } from './outgoingBatch.js';

/** How often a message fails alone before it is given up. */
const MAX_FAILURES = 3;
/**
 * How many messages are given up while none is acked: a server that refuses everything must not
 * empty an outbox.
 */
const MAX_GIVEN_UP = 3;

/**
 * Finds the message for which the other side closes each connection, although the message is within
 * all limits that the other side has announced.
 */
export class RefusedMessageDetector {
  /** Each batch up to this number waits for the ack of the batch before it. */
  aloneUpTo = 0;
  #candidate: string | undefined;
  #failures = 0;
  #refused = 0;
  /** How many messages had been acked when the last message was given up. */
  #acked = 0;

  /**
   * Takes the end of a connection.
   *
   * @param ids The messages of the first batch that was sent and not accepted.
   * @param last The highest number that is assigned.
   * @param acked How many messages the other side has acked.
   * @returns The message to be given up; otherwise, whether the client connects again.
   */
  refused(ids: readonly string[], last: number, acked: number): string | boolean {
    const [id] = ids;
    this.#failures = id === this.#candidate ? this.#failures + 1 : 1;
    this.#candidate = id;
    this.aloneUpTo = last;
    if (this.#failures < MAX_FAILURES || ids.length > 1) return true;
    this.#failures = 0;
    if (acked !== this.#acked) this.#refused = 0;
    if (id === undefined || this.#refused === MAX_GIVEN_UP) return false;
    this.#refused++;
    this.#acked = acked;
    return id;
  }
  /** Whether each message of a batch must have a frame of its own. */
  mustSplit({ messages }: OutgoingBatch): boolean {
    return this.#failures > 1 && messages.length > 1 && messages.some(({ id }) => id === this.#candidate);
  }
}
