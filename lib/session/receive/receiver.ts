import { ConnectionLostError, ProtocolError } from '../../errors.js';
import { createRing, type Ring } from '../../internal/ring.js';
import { GAP } from '../../link/closeCode.js';
import type { Message } from '../../message/types.js';
import { MAX_BATCH } from '../protocol/frames.js';
import type { Cursor, InboxLease } from '../store/inbox.js';
import { AckTracker } from './ackTracker.js';

export interface ReceiverOptions {
  /** The maximum number of messages that are accepted and not processed. */
  readonly window: number;
  /** The maximum size of their frames in bytes; for text, in characters. */
  readonly windowBytes: number;
  /** Called with each message that is accepted, and its number. */
  readonly onMessage: (message: Message, number: number, tracker: AckTracker) => void;
  /** Called with each number that is skipped. */
  readonly onSkipped: (number: number, tracker: AckTracker) => void;
  /** Called when the other side has given up `count` messages. */
  readonly onMissed: (count: number) => void;
}

interface ReceivedBatch {
  readonly last: number;
  readonly size: number;
}

/**
 * Accepts the messages of the other side: each number once, in order. docs/protocol.md, "Receiver"
 * and "The window".
 */
export class Receiver {
  tracker = new AckTracker();
  readonly #options: ReceiverOptions;
  #rx = 0;
  /** The numbers that are skipped, and not accepted yet. */
  #skipped: Set<number> | undefined;
  /** The accepted batches that may not be processed yet. */
  #batches: Ring<ReceivedBatch> = createRing();
  #bytes = 0;

  constructor(options: ReceiverOptions) {
    this.#options = options;
  }

  /**
   * All numbers up to this one are accepted. A number that was finished out of order before a
   * restart is accepted when all before it are done.
   */
  get rx(): number {
    const { done } = this.tracker;
    while (this.#rx < done) {
      this.#rx++;
      this.#skipped?.delete(this.#rx);
    }
    return this.#rx;
  }

  /** Returns whether all accepted messages are processed, and no number is skipped ahead. */
  isIdle(): boolean {
    return this.rx === this.tracker.done && !this.#skipped?.size;
  }

  /**
   * Accepts a batch of `size` bytes. Drops messages that were accepted before.
   *
   * @throws {ConnectionLostError} When a number before the batch is missing.
   * @throws {ProtocolError} When the batch is beyond the window.
   */
  accept(first: number, messages: readonly Message[], size: number): void {
    this.#admit(first, messages.length, size);
    for (let index = this.#rx + 1 - first; index < messages.length; index = this.#rx + 1 - first) {
      this.#take(messages[index]);
      if (this.#skipped) this.#takeSkipped();
    }
  }

  /**
   * Accepts the numbers of a batch without its messages. Calls back with each number that is not
   * processed, and was not accepted before.
   *
   * @throws {ConnectionLostError} When a number before the batch is missing.
   * @throws
   *   {ProtocolError} When the batch is beyond the window.
   */
  acceptWithout(first: number, count: number, size: number, onNumber: (number: number) => void): void {
    this.#admit(first, count, size);
    while (this.#rx < first + count - 1) {
      const number = ++this.#rx;
      if (!this.tracker.has(number)) onNumber(number);
      if (this.#skipped) this.#takeSkipped();
    }
  }

  /**
   * Skips numbers: the sender does not send their messages.
   *
   * @throws {ProtocolError} When a number is beyond the window.
   */
  skip(numbers: readonly number[]): void {
    // A batch that is larger than the window may arrive alone; a skip may name all of its numbers.
    const reach = this.tracker.done + Math.max(this.#options.window, MAX_BATCH);
    if (numbers.some((number) => number > reach)) throw new ProtocolError('the window was exceeded');
    const skipped = (this.#skipped ??= new Set());
    for (const number of numbers) if (number > this.rx) skipped.add(number);
    this.#takeSkipped();
  }

  /** @throws {ConnectionLostError} When a number up to `sent` has not arrived. */
  expect(sent: number): void {
    const { rx } = this;
    if (sent > rx) throw new ConnectionLostError(GAP, `messages ${rx + 1} to ${sent} are missing`);
  }

  /** Starts behind the cursor; without one, before the first message of this sender. */
  begin(cursor?: Cursor, lease?: InboxLease): void {
    this.tracker = new AckTracker(cursor, lease);
    this.#skipped = undefined;
    this.#batches = createRing();
    this.#bytes = 0;
    this.#rx = this.tracker.done;
  }

  /**
   * Counts a batch, and takes the skipped numbers before it. A batch may have any size when all
   * earlier ones are processed.
   */
  #admit(first: number, count: number, size: number): void {
    const { rx } = this;
    if (first > rx + 1) throw new ConnectionLostError(GAP, `messages ${rx + 1} to ${first - 1} are missing`);
    const { done } = this.tracker;
    const batches = this.#batches;
    for (let batch = batches.peek(); batch && batch.last <= done; batch = batches.peek()) {
      batches.shift();
      this.#bytes -= batch.size;
    }
    const last = first + count - 1;
    this.#bytes += size;
    const { window, windowBytes } = this.#options;
    if (first > done + 1 && (last > done + window || this.#bytes > windowBytes)) throw new ProtocolError('the window was exceeded');
    batches.push({ last, size });
    if (this.#skipped) this.#takeSkipped();
  }

  /**
   * Accepts the next number. A message that was processed before a restart is not delivered again.
   */
  #take(message?: Message): void {
    const number = ++this.#rx;
    const { tracker } = this;
    if (!message) this.#options.onSkipped(number, tracker);
    else if (!tracker.has(number)) this.#options.onMessage(message, number, tracker);
  }

  #takeSkipped(): void {
    const before = this.#rx;
    while (this.#skipped?.delete(this.#rx + 1)) this.#take();
    if (this.#rx > before) this.#options.onMissed(this.#rx - before);
  }
}
