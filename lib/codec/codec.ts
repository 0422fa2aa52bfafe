import type { Later } from '../internal/later.js';
import type { Message } from '../message/types.js';

/** Which way a batch goes. */
export type Direction = 'to-server' | 'to-client';

/** Which batch it is: both ends of a session know it, and it is the same each time the batch is sent. */
export interface BatchContext {
  readonly direction: Direction;
  /** Names the client's outbox, in either direction. */
  readonly pid: string;
  /** The number of its first message; the others follow. 0, when they have none. */
  readonly first: number;
  /** How many messages it holds. */
  readonly count: number;
}

/**
 * A batch of messages to a frame and back; it says so with an error when it cannot. What one side encodes, the other decodes: `encode` refuses
 * what `decode` would.
 *
 * It answers at once where it can, and otherwise with an Observable that works when it is subscribed, and emits once. A session asks for one
 * batch at a time in each direction.
 */
export interface Codec {
  /** Names it to the peer: `json`, `msgpack+gzip`. */
  readonly name: string;
  /** Whether frames are bytes, or text; `undefined`, if they are now this and now that. */
  readonly binary: boolean | undefined;
  /** Whether it encrypts. Such a codec needs a session, and no other may be taken in its place. @default false */
  readonly isSealed?: boolean;
  /**
   * A frame that nothing else writes to later on.
   *
   * @param context Given by sessions, and by nobody else.
   * @throws {EncodeError} When a payload holds what this codec cannot carry, or a limit is broken.
   * @throws {InvalidMessageError} When a field of an envelope is out of bounds.
   */
  encode(batch: readonly Message[], context?: BatchContext): Later<string | Uint8Array>;
  /**
   * All messages of the frame, or none. Nothing of them is a view of the frame.
   *
   * @throws {DecodeError} When the frame is not one of this codec, or breaks a limit.
   * @throws {InvalidMessageError} When it holds something that is no message.
   */
  decode(frame: string | Uint8Array, context?: BatchContext): Later<readonly Message[]>;
}

/** A codec that answers at once, whichever batch it is. */
export interface PlainCodec extends Codec {
  encode(batch: readonly Message[]): string | Uint8Array;
  decode(frame: string | Uint8Array): readonly Message[];
}
