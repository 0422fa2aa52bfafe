import type { Codec } from '../../codec/codec.js';
import type { NegotiatedCodec } from '../codecNegotiation.js';
import type { EncodingTarget } from '../encoding.js';
import { DEFAULT_LIMITS, type ReceiveLimits } from '../protocol/receiveLimits.js';

/** Bytes of a frame besides its body, with the ack that it may carry. */
const HEADER_ROOM = 80;

/**
 * Encodes for a receiver: by the agreed codec, within the limits of both sides. Before the first
 * handshake, those of this side apply.
 */
export class LimitedTarget implements EncodingTarget {
  /** The limits of the other side, once they are known. */
  limits: ReceiveLimits | undefined;
  readonly #codec: NegotiatedCodec;
  readonly #maxFrame: number;
  /** The codec from which `#limited` was created. */
  #known: Codec | undefined;
  #limited: Codec | undefined;

  constructor(codec: NegotiatedCodec, maxFrame: number) {
    this.#codec = codec;
    this.#maxFrame = maxFrame;
  }

  limit(limits: ReceiveLimits): void {
    this.limits = limits;
    this.#known = undefined;
  }

  get current(): Codec {
    const { current } = this.#codec;
    if (this.#known !== current) {
      this.#known = current;
      this.#limited = this.limits && current.within?.(this.limits);
    }
    return this.#limited ?? current;
  }

  /** The maximum size of a frame that the other side accepts, in bytes. */
  get maxReceived(): number {
    return (this.limits ?? DEFAULT_LIMITS).maxFrame;
  }

  /** The maximum size of a body in bytes. */
  get maxSize(): number {
    return Math.min(this.#maxFrame, this.limits?.maxFrame ?? Infinity) - HEADER_ROOM;
  }

  /** Whether the agreed codec would encode more than the other side accepts. */
  isLimited(): boolean {
    return this.current !== this.#codec.current;
  }
}
