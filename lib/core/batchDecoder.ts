import { BAD_FRAMES, GAP } from '../message/closeCode.js';
import type { Message } from '../message/types.js';
import { Violation, type ArrivedBatch } from './frameFormat.js';
import type { Outputs, SessionCodec } from './coreTypes.js';

/** Decodes the batches of the other side, and decides about those that cannot be decoded. */
export class BatchDecoder {
  readonly #maxBadFrames: number;
  readonly #outputs: Outputs;
  /**
   * Why, and how often in a row, a batch could not be decoded. It outlives connections, and also
   * sessions: a server may forget the client each time.
   */
  failure: { readonly first: number; readonly attempts: number; readonly error: unknown } | undefined;
  /** The number of undecodable frames in a row that cannot be set aside. */
  #badFrames = 0;

  constructor(maxBadFrames: number, outputs: Outputs) {
    this.#maxBadFrames = maxBadFrames;
    this.#outputs = outputs;
  }

  /**
   * Returns the messages of a batch, or undefined for one that is set aside: the other side sends a
   * batch that cannot be decoded again, up to `maxBadFrames` times (section 6).
   *
   * @throws {Violation} While the batch is to be sent again.
   */
  decode(codec: SessionCodec, { body, first, count }: ArrivedBatch): readonly Message[] | undefined {
    try {
      const messages = codec.decode(body, first, count);
      this.#badFrames = 0;
      if (first > 0) this.failure = undefined;
      return messages;
    } catch (error) {
      this.#failed(codec, first, error);
      return undefined;
    }
  }
  #failed(codec: SessionCodec, first: number, error: unknown): void {
    this.#outputs.add({ kind: 'decode-failed', error });
    const isForged = codec.isForgery?.(error) === true;
    const hint = isForged ? ': perhaps the keys of the two sides do not match' : '';
    if (first > 0 && !isForged) {
      const attempts = this.failure?.first === first ? this.failure.attempts + 1 : 1;
      this.failure = { first, attempts, error };
      if (attempts >= this.#maxBadFrames) return;
    } else if (++this.#badFrames >= this.#maxBadFrames) {
      throw new Violation(BAD_FRAMES, `${this.#badFrames} frames were undecodable${hint}`, true);
    }
    if (first > 0 || codec.isSealed) throw new Violation(GAP, `message ${first} is undecodable${hint}`);
  }
}
