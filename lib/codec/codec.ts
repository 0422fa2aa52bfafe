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

/** The code that a session needs only for codecs that return Observables: `asynchronous`. */
export interface AsyncSupport {
  readonly kind: 'asynchronous';
}

/** The host of a session, as its asynchronous codec and its stores use it. */
export interface AsyncHost {
  readonly now: number;
  wait<T>(later: () => MaybeAsync<T>, done: (value: T) => void, failed: (error: unknown) => void): void;
  /** Changes the session, and lets it continue. */
  answer(change: () => void): void;
}

/** The outputs of a session, to which an asynchronous codec adds its calls. */
export interface CodecOutputs {
  ask(effect: { readonly kind: 'codec'; run(host: AsyncHost): void }): void;
  /** Called behind each answer, which the host takes to the session. */
  onAnswer?(): void;
}

/** A batch whose messages are to be decoded. */
export type ReceivedBatch = Pick<BatchContext, 'first' | 'count'> & { readonly body: string | Uint8Array };

/** A session, as a {@link FrameReader} uses it. */
export interface ReceivingSession {
  readonly options: { readonly window: number; readonly bytes: number; readonly maxFrame: number };
  readonly outputs: CodecOutputs;
  /** The reader of the present connection. */
  readonly reader: object | undefined;
  /** Returns the batch of a frame; undefined if it has none. */
  batchOf(frame: string | Uint8Array): ReceivedBatch | undefined;
  receive(frame: string | Uint8Array, now: number): void;
  close(code: number, reason: string): void;
}

/** Holds the frames of a connection back while an asynchronous codec decodes a batch. */
export interface FrameReader {
  /** The number of frames that the session has not read. */
  readonly unread: number;
  /** Returns true for a frame that the session must not read yet: it receives the frame again. */
  holds(frame: string | Uint8Array): boolean;
}

/**
 * Encodes a batch of messages as a frame and decodes it; both fail with an error. `encode` rejects
 * what `decode` of the other side would reject.
 *
 * Results are returned synchronously; with `asynchronous`, also as an Observable that works when it
 * is subscribed to and emits once. A session runs one call at a time in each direction.
 */
export interface Codec {
  /** The name that the peers negotiate: `json`, `msgpack+gzip`. */
  readonly name: string;
  /** Whether frames are bytes or text; undefined if both occur. */
  readonly binary: boolean | undefined;
  /** Whether it encrypts. Only a session uses it, and never replaces it. @default false */
  readonly isSealed?: boolean;
  /**
   * A codec that returns Observables has `asynchronous`, the code that a session needs for them. A
   * codec that wraps another one passes it on.
   *
   * @default the codec is synchronous: a session rejects its Observables
   */
  readonly asynchronous?: AsyncSupport | undefined;
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
  // Node 20 gives each object a shape of its own whose literal begins with a spread.
  return {
    limits,
    within(others: CodecLimits) {
      const lower = lowest(sending, others);
      return lower && withLimits(limits, make, lower);
    },
    ...make(sending),
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
