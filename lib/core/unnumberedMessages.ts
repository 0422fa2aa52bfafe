import type { Message } from '../message/types.js';
import { batchFrame } from './frameFormat.js';
import { MessageQueue } from './messageQueue.js';
import { NONE, pushed, type MessageOutcome, type Outputs, type SessionCodec } from './coreTypes.js';
import type { Body } from './storedTypes.js';

/** The calls of the messages without numbers to the rest of the sender. */
export interface UnnumberedContext {
  readonly codec: SessionCodec | undefined;
  readonly maxBatch: number;
  /** Returns the body; undefined if the messages cannot be encoded. */
  encodeNow(messages: readonly Message[], first: number): Body | undefined;
  fits(body: Body): boolean;
  /** Returns whether a message has expired, and gives it up. */
  expire(message: Message, date: number): boolean;
  end(message: Message, outcome: MessageOutcome): void;
}

/** At-most-once messages: each goes out over one connection, once (protocol, section 5, rule 9). */
export class UnnumberedMessages {
  readonly #context: UnnumberedContext;
  readonly #outputs: Outputs;
  /** The messages that wait. */
  readonly queue = new MessageQueue();
  /**
   * How many of the next messages get a frame of their own, because their common frame has failed.
   */
  #alone = 0;
  /** The messages that an asynchronous codec encodes. */
  #encoding: { readonly id: number; readonly messages: readonly Message[] } | undefined;
  /** The frames that wait, with their messages. */
  #frames: { readonly frame: Body; readonly messages: readonly Message[] }[] = NONE;

  constructor(context: UnnumberedContext, outputs: Outputs) {
    this.#context = context;
    this.#outputs = outputs;
  }

  /** The connection has ended: what was on its way is gone. */
  detach(): void {
    for (const { messages } of this.#frames) this.#endAll(messages, 'closed');
    this.#endAll(this.#encoding?.messages ?? NONE, 'closed');
    this.#encoding = undefined;
    this.#frames = NONE;
    this.#alone = 0;
  }

  /** Returns the next frame; undefined if there is none now. */
  nextFrame(date: number): Body | undefined {
    const { codec, maxBatch } = this.#context;
    while (this.#frames.length === 0 && this.queue.size > 0 && !this.#encoding) {
      const most = this.#alone > 0 ? 1 : maxBatch;
      this.#alone = Math.max(0, this.#alone - 1);
      const messages = this.queue.take(
        most,
        () => true,
        (message) => this.#context.expire(message, date),
      );
      if (messages.length === 0) continue;
      const body = codec?.isAsync ? undefined : this.#context.encodeNow(messages, 0);
      if (codec?.isAsync) this.#encoding = { id: this.#outputs.encode(codec, messages, 0), messages };
      else this.#encoded(messages, body);
    }
    const next = this.#frames.length > 0 ? this.#frames.shift() : undefined;
    if (next) this.#endAll(next.messages, 'sent');
    return next?.frame;
  }

  /** Answers an asynchronous `encode`, if it is one of these messages. */
  encoded(id: number, body: Body | undefined): void {
    if (this.#encoding?.id !== id) return;
    const { messages } = this.#encoding;
    this.#encoding = undefined;
    this.#encoded(messages, body);
  }
  #encoded(messages: readonly Message[], body: Body | undefined): void {
    const frame = body !== undefined && this.#context.fits(body) ? batchFrame(0, messages.length, body) : undefined;
    if (frame === undefined && messages.length > 1) {
      this.queue.putBack(messages);
      this.#alone += messages.length;
      return;
    }
    if (frame === undefined) this.#endAll(messages, 'unsendable');
    else this.#frames = pushed(this.#frames, { frame, messages });
  }
  #endAll(messages: readonly Message[], outcome: MessageOutcome): void {
    for (const message of messages) this.#context.end(message, outcome);
  }
}
