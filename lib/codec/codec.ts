import type { Message } from '../message/types.js';

/**
 * A batch of messages to a frame and back. Pure and synchronous; says so with an error when it cannot. What one side encodes,
 * the other decodes: `encode` refuses what `decode` would.
 */
export interface Codec {
  /** Names it to the peer: `json`, `msgpack+gzip`. */
  readonly name: string;
  /** Whether frames are bytes, or text; `undefined`, if they are now this and now that. */
  readonly binary: boolean | undefined;
  /**
   * A frame that nothing else writes to later on.
   *
   * @throws {EncodeError} When a payload holds what this codec cannot carry, or a limit is broken.
   * @throws {InvalidMessageError} When a field of an envelope is out of bounds.
   */
  encode(batch: readonly Message[]): string | Uint8Array;
  /**
   * All messages of the frame, or none. Nothing of them is a view of the frame.
   *
   * @throws {DecodeError} When the frame is not one of this codec, or breaks a limit.
   * @throws {InvalidMessageError} When it holds something that is no message.
   */
  decode(frame: string | Uint8Array): readonly Message[];
}
