import { BAD_FRAMES, GAP } from '../message/closeCode.js';
import type { Message } from '../message/types.js';
import { MAX_BATCH, Violation, type ArrivedBatch } from './frameFormat.js';
import { NONE, pushed, type Outputs, type SessionCodec, type CoreOptions } from './coreTypes.js';
import type { Body } from './storedTypes.js';

/**
 * Decodes the batches of the other side, one after the other. Frames that arrive while an
 * asynchronous codec decodes a batch wait, so that their order stays.
 */
export class BatchDecoder {
  readonly #options: CoreOptions;
  readonly #outputs: Outputs;
  #decoding: { readonly id: number; readonly codec: SessionCodec; readonly batch: ArrivedBatch } | undefined;
  #waiting: Body[] = NONE;
  #waitingSize = 0;
  /**
   * Why, and how often in a row, a batch could not be decoded. It outlives connections, and also
   * sessions: a server may forget the client each time.
   */
  failure: { readonly first: number; readonly attempts: number; readonly error: unknown } | undefined;
  /** The number of undecodable frames in a row that cannot be set aside. */
  #badFrames = 0;

  constructor(options: CoreOptions, outputs: Outputs) {
    this.#options = options;
    this.#outputs = outputs;
  }

  /** Whether an asynchronous codec decodes a batch. */
  get isBusy(): boolean {
    return this.#decoding !== undefined;
  }
  /** The number of frames that have arrived and are not read yet. */
  get unread(): number {
    return this.#decoding ? 1 + this.#waiting.length : 0;
  }
  /** The connection has ended. */
  detach(): void {
    this.#decoding = undefined;
    this.#waiting = NONE;
    this.#waitingSize = 0;
  }

  /**
   * Returns the messages of a batch; undefined if it is set aside; `later` if the codec is
   * asynchronous.
   */
  decode(codec: SessionCodec, batch: ArrivedBatch): readonly Message[] | undefined | 'later' {
    const { body, first, count } = batch;
    let messages: readonly Message[] | undefined;
    let error: unknown;
    try {
      if (!codec.isAsync) messages = codec.decode(body, first, count);
    } catch (reason) {
      error = reason;
    }
    if (!codec.isAsync) return this.#checked(codec, batch, messages, error);
    this.#decoding = { id: this.#outputs.decode(codec, body, first, count), codec, batch };
    return 'later';
  }
  /**
   * Takes the answer of an asynchronous codec. Returns the batch with its messages; undefined if
   * the answer is of a former connection.
   */
  take(
    id: number,
    messages: readonly Message[] | undefined,
    error: unknown,
  ): { readonly batch: ArrivedBatch; readonly messages: readonly Message[] | undefined } | undefined {
    if (this.#decoding?.id !== id) return undefined;
    const { codec, batch } = this.#decoding;
    this.#decoding = undefined;
    return { batch, messages: this.#checked(codec, batch, messages, error) };
  }

  /** Keeps a frame until the batch in front of it is decoded. */
  wait(frame: Body): void {
    this.#waiting = pushed(this.#waiting, frame);
    this.#waitingSize += frame.length;
    const { bytes, maxFrame, window } = this.#options;
    const areTooMany = this.#waiting.length > 4 * window + MAX_BATCH || this.#waitingSize > 2 * (bytes + maxFrame);
    if (areTooMany) throw new Violation(GAP, 'too many frames wait for the codec');
  }
  /** Takes the next waiting frame; undefined while a batch is being decoded. */
  nextFrame(): Body | undefined {
    if (this.#decoding) return undefined;
    const frame = this.#waiting.length > 0 ? this.#waiting.shift() : undefined;
    this.#waitingSize -= frame?.length ?? 0;
    return frame;
  }

  /**
   * Returns the messages of a batch, or undefined for one that is set aside: the other side sends a
   * batch that cannot be decoded again, up to `maxBadFrames` times (section 6).
   *
   * @throws {Violation} While the batch is to be sent again.
   */
  #checked(
    codec: SessionCodec,
    { first, count }: ArrivedBatch,
    messages: readonly Message[] | undefined,
    error: unknown,
  ): readonly Message[] | undefined {
    if (messages?.length === count) {
      this.#badFrames = 0;
      if (first > 0) this.failure = undefined;
      return messages;
    }
    const { maxBadFrames } = this.#options;
    this.#outputs.add({ kind: 'decode-failed', error });
    const isForged = codec.isForgery?.(error) === true;
    const hint = isForged ? ': perhaps the keys of the two sides do not match' : '';
    if (first > 0 && !isForged) {
      const attempts = this.failure?.first === first ? this.failure.attempts + 1 : 1;
      this.failure = { first, attempts, error };
      if (attempts >= maxBadFrames) return undefined;
    } else if (++this.#badFrames >= maxBadFrames) {
      throw new Violation(BAD_FRAMES, `${this.#badFrames} frames were undecodable${hint}`, true);
    }
    if (first > 0 || codec.isSealed) throw new Violation(GAP, `message ${first} is undecodable${hint}`);
    return undefined;
  }
}
