import type { Message } from '../message/types.js';
import { MAX_BATCH, MISSING, Violation, VIOLATION, type ArrivedBatch } from './frameFormat.js';
import { NONE, pushed, type Body, type Outputs, type SessionCodec, type SessionOptions } from './sessionTypes.js';

/** A batch that cannot be decoded so often is set aside. */
const MAX_FAILURES = 3;

/**
 * Decodes the batches of the other side, one after the other. Frames that arrive while an
 * asynchronous codec decodes a batch wait, so that their order stays.
 */
export class BatchDecoder {
  readonly #options: SessionOptions;
  readonly #outputs: Outputs;
  /** The batch that an asynchronous codec decodes. */
  #decoding: { readonly id: number; readonly batch: ArrivedBatch } | undefined;
  #waiting: Body[] = NONE;
  #waitingSize = 0;
  /**
   * How often in a row a batch could not be decoded, and its first number. They outlive
   * connections.
   */
  #failures = 0;
  #failedFirst = 0;

  constructor(options: SessionOptions, outputs: Outputs) {
    this.#options = options;
    this.#outputs = outputs;
  }

  get isBusy(): boolean {
    return this.#decoding !== undefined;
  }
  /** The connection has ended. */
  detach(): void {
    this.#decoding = undefined;
    this.#waiting = NONE;
    this.#waitingSize = 0;
  }
  /** The other side begins with other numbers. */
  begin(): void {
    this.#failures = this.#failedFirst = 0;
  }

  /**
   * Returns the messages of a batch; undefined if it is set aside; `later` if the codec is
   * asynchronous.
   */
  decode(codec: SessionCodec, batch: ArrivedBatch): readonly Message[] | undefined | 'later' {
    const { body, first, count } = batch;
    if (codec.isAsync) {
      this.#decoding = { id: this.#outputs.decode(codec, body, first, count), batch };
      return 'later';
    }
    let messages: readonly Message[] | undefined;
    try {
      messages = codec.decode(body, first, count);
    } catch {
      // The batch counts as one that cannot be decoded.
    }
    return this.#checked(batch, messages);
  }
  /**
   * Takes the answer of an asynchronous codec. Returns the batch with its messages; undefined if
   * the answer is of a former connection.
   */
  take(
    id: number,
    messages: readonly Message[] | undefined,
  ): { readonly batch: ArrivedBatch; readonly messages: readonly Message[] | undefined } | undefined {
    if (this.#decoding?.id !== id) return undefined;
    const { batch } = this.#decoding;
    this.#decoding = undefined;
    return { batch, messages: this.#checked(batch, messages) };
  }

  /** Keeps a frame until the batch in front of it is decoded. */
  wait(frame: Body): void {
    this.#waiting = pushed(this.#waiting, frame);
    this.#waitingSize += frame.length;
    const { bytes, maxFrame, window } = this.#options;
    const areTooMany = this.#waiting.length > 4 * window + MAX_BATCH || this.#waitingSize > 2 * (bytes + maxFrame);
    if (areTooMany) throw new Violation(MISSING, 'too many frames wait for the codec');
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
   * batch that cannot be decoded twice again (section 6).
   *
   * @throws {Violation} While the batch is to be sent again.
   */
  #checked({ first, count }: ArrivedBatch, messages: readonly Message[] | undefined): readonly Message[] | undefined {
    if (messages?.length === count) {
      this.#failures = this.#failedFirst = 0;
      return messages;
    }
    this.#failures = this.#failedFirst === first ? this.#failures + 1 : 1;
    this.#failedFirst = first;
    const isLast = this.#failures >= MAX_FAILURES;
    if (isLast) this.#failures = 0;
    if (isLast && first === 0) throw new Violation(VIOLATION, 'three frames in a row could not be decoded');
    if (!isLast && first > 0) throw new Violation(MISSING, 'a batch could not be decoded');
    return undefined;
  }
}
