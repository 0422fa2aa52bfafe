import type { Message } from '../message/types.js';

/** A batch of messages to a frame and back. Pure and synchronous; says so with an error when it cannot. */
export interface Codec {
  /** Names it to the peer: `json`, `msgpack`. */
  readonly name: string;
  /** Whether frames are bytes; otherwise they are text. */
  readonly binary: boolean;
  /** @throws {EncodeError} When a message holds what this codec cannot carry. */
  encode(batch: readonly Message[]): string | Uint8Array;
  /**
   * @throws {DecodeError} When the frame is not one of this codec, or breaks a limit.
   * @throws {InvalidMessageError} When it holds something that is no message.
   */
  decode(frame: string | Uint8Array): readonly Message[];
}
