import type { Message } from '../message/types.js';
import { batchFrame } from './frameFormat.js';
import { MessageQueue, type QueueOwner } from './messageQueue.js';
import { NONE, type MessageOutcome } from './coreTypes.js';
import type { Body } from './storedTypes.js';

/** The calls of the messages without numbers to the rest of the sender. */
export interface UnnumberedContext {
  readonly maxBatch: number;
  /** Returns null if the messages cannot be encoded; undefined while the codec has not answered. */
  encodeNow(messages: readonly Message[], first: number): Body | null | undefined;
  fits(body: Body | null): body is Body;
  /** Returns whether a message has expired, and gives it up. */
  expire(message: Message, date: number): boolean;
  end(message: Message, outcome: MessageOutcome): void;
}

/** At-most-once messages: each goes out over one connection, once (protocol, section 5, rule 9). */
export class UnnumberedMessages {
  readonly #context: UnnumberedContext;
  readonly #owner: QueueOwner;
  /** The messages that wait. */
  readonly queue = new MessageQueue();
  /**
   * How many of the next messages get a frame of their own, because their common frame has failed.
   */
  #alone = 0;
  /** The messages of the next frame, until the codec has answered. */
  #next: readonly Message[] = NONE;

  constructor(context: UnnumberedContext) {
    this.#context = context;
    this.#owner = { isGone: (message, date) => context.expire(message, date) };
  }

  /** The connection has ended: what was on its way is gone. */
  detach(): void {
    this.#endAll(this.#next, 'closed');
    this.#next = NONE;
    this.#alone = 0;
  }

  /** Returns the next frame; undefined if there is none now. */
  nextFrame(date: number): Body | undefined {
    while (this.#next.length > 0 || this.queue.size > 0) {
      const messages = this.#next.length > 0 ? this.#next : this.#take(date);
      if (messages.length === 0) continue;
      const body = this.#context.encodeNow(messages, 0);
      this.#next = body === undefined ? messages : NONE;
      if (body === undefined) return undefined;
      if (this.#context.fits(body)) {
        this.#endAll(messages, 'sent');
        return batchFrame(0, messages.length, body);
      }
      if (messages.length === 1) this.#endAll(messages, 'unsendable');
      else {
        this.queue.putBack(messages);
        this.#alone += messages.length;
      }
    }
    return undefined;
  }
  #take(date: number): readonly Message[] {
    const most = this.#alone > 0 ? 1 : this.#context.maxBatch;
    this.#alone = Math.max(0, this.#alone - 1);
    return this.queue.take(most, date, this.#owner);
  }
  #endAll(messages: readonly Message[], outcome: MessageOutcome): void {
    for (const message of messages) this.#context.end(message, outcome);
  }
}
