import type { MaybeAsync } from '../message/maybeAsync.js';
import type { Message } from '../message/types.js';

/** The direction of a batch. */
export type Direction = 'to-server' | 'to-client';

/** Identifies a batch, for both ends of a session and each time that the batch is sent. */
export interface BatchContext {
  readonly direction: Direction;
  /** Identifies the client's outbox, in both directions. */
  readonly pid: string;
  /** The sequence number of the first message; 0 if the messages have no numbers. */
  readonly first: number;
  /** The number of messages. */
  readonly count: number;
}

/** The limits of a decoder, for one frame. A missing limit is that of docs/protocol.md. */
export interface CodecLimits {
  /** Messages in a frame. */
  readonly maxBatch?: number;
  /** Levels of a payload. */
  readonly maxDepth?: number;
  /** Values that need more memory than their bytes, as the codec counts them. */
  readonly maxNodes?: number;
  /** Bytes of a frame when it is decompressed. */
  readonly maxSize?: number;
}

/**
 * Encodes a batch of messages as a frame and decodes it; both fail with an error. `encode` rejects
 * what `decode` of the other side would reject.
 *
 * Results are returned synchronously, or as an Observable that works when it is subscribed to and
 * emits once. A session runs one call at a time in each direction.
 */
export interface Codec {
  /** The name that the peers negotiate: `json`, `msgpack+gzip`. */
  readonly name: string;
  /** Whether frames are bytes or text; undefined if both occur. */
  readonly binary: boolean | undefined;
  /** Whether it encrypts. Only a session uses it, and never replaces it. @default false */
  readonly isSealed?: boolean;
  /**
   * Of a codec that compresses or encrypts: the codec of the content, which decides what can be
   * carried.
   * @default this codec
   */
  readonly plain?: Codec;
  /**
   * Whether it carries all values of JSON whose texts are Unicode: then a hub need not encode a
   * small message to find out whether each member can receive it.
   * @default false
   */
  readonly carriesJson?: boolean;
  /** The limits of `decode`, for the other side. @default the limits of docs/protocol.md */
  readonly limits?: CodecLimits;
  /**
   * Returns a codec of the same name. Its `encode` rejects messages that exceed these limits, the
   * limits of the receiver. Returns undefined if this codec does so already.
   * @default only the size of the frame is limited
   */
  within?(limits: CodecLimits): Codec | undefined;
  /**
   * Returns a frame whose memory is not reused.
   *
   * @param context Passed by sessions only.
   * @throws {EncodeError} If a value in a payload is not supported, or exceeds a limit.
   * @throws {InvalidMessageError} If a field of an envelope is out of range.
   */
  encode(batch: readonly Message[], context?: BatchContext): MaybeAsync<string | Uint8Array>;
  /**
   * Returns all messages of the frame. They do not share memory with the frame.
   *
   * @throws {DecodeError} If the frame is not one of this codec, or exceeds a limit.
   * @throws {InvalidMessageError} If it contains something that is not a message.
   */
  decode(frame: string | Uint8Array, context?: BatchContext): MaybeAsync<readonly Message[]>;
}

/** How a server sends to its clients. */
export interface SendingLimits {
  /** The codecs that clients may choose. */
  readonly codecs: readonly Codec[];
  /** The maximum size of a frame, in bytes. */
  readonly maxFrame: number;
}

/** A synchronous codec that does not need a context. */
export interface PlainCodec extends Codec {
  encode(batch: readonly Message[]): string | Uint8Array;
  decode(frame: string | Uint8Array): readonly Message[];
}

/**
 * Creates a codec with limits.
 *
 * @param limits The limits of `decode`.
 * @param make Creates the codec. Its `encode` must reject messages that exceed `sending`.
 */
export function withLimits<L extends CodecLimits, C extends Codec>(limits: L, make: (sending: L) => C, sending = limits): C {
  return {
    ...make(sending),
    limits,
    within(others: CodecLimits) {
      const lower = lowest(sending, others);
      return lower && withLimits(limits, make, lower);
    },
  };
}

/** Returns the lower one of each limit; undefined if none of the others is lower. */
function lowest<L extends CodecLimits>(own: L, others: CodecLimits): L | undefined {
  let lower: L | undefined;
  for (const name of Object.keys(own) as (keyof CodecLimits)[]) {
    const limit = others[name];
    if (limit !== undefined && limit < (own[name] as number)) lower = { ...(lower ?? own), [name]: limit };
  }
  return lower;
}
