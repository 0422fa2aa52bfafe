import type { Codec } from '../codec/codec.js';
import { DecodeError, EncodeError, FrameTooLargeError, RxwireError } from '../errors.js';
import type { Frame } from '../link/link.js';
import type { Message } from '../message/types.js';

/** Messages, and the body of a frame that carries them all. */
export interface Encoded {
  readonly messages: readonly Message[];
  readonly body: Frame;
}

/** Gets what could not be encoded, alone or in any frame that is small enough. */
export type OnUnsendable = (message: Message, error: RxwireError) => void;

/** @throws {FrameTooLargeError} When a frame has more bytes than that. */
export function checkSize(frame: Frame, maxFrame: number): void {
  const { length } = frame;
  // Text travels as UTF-8, a character of it in up to 3 bytes: only where that matters they are counted.
  const isUnsure = typeof frame === 'string' && length <= maxFrame && length * 3 > maxFrame;
  const size = isUnsure ? new TextEncoder().encode(frame).length : length;
  if (size > maxFrame) throw new FrameTooLargeError(size, maxFrame);
}

/** Makes bodies of messages, as few as the limit allows; those that cannot be sent are told, and left out. */
export function createEncoder(codec: Codec, maxFrame: number, onUnsendable: OnUnsendable) {
  const encode = (messages: readonly Message[]): readonly Encoded[] => {
    try {
      const body = codec.encode(messages);
      checkSize(body, maxFrame);
      return [{ messages, body }];
    } catch (error) {
      const middle = messages.length >> 1;
      // One message must not take the others of its batch with it: halve until it is alone.
      if (middle > 0) return [...encode(messages.slice(0, middle)), ...encode(messages.slice(middle))];
      onUnsendable(
        messages[0] as Message,
        asRxwireError(error, (cause) => new EncodeError(codec.name, 'cannot encode', cause)),
      );
      return [];
    }
  };
  return encode;
}

/** Reads a body. @throws {RxwireError} When it is none. */
export function decodeBody(codec: Codec, body: Frame): readonly Message[] {
  try {
    const kind = typeof body === 'string' ? 'text' : 'binary';
    if (codec.binary === (kind === 'text')) throw new DecodeError(codec.name, `a ${kind} frame`);
    return codec.decode(body);
  } catch (error) {
    throw asRxwireError(error, (cause) => new DecodeError(codec.name, 'cannot decode', cause));
  }
}

function asRxwireError(error: unknown, wrap: (cause: unknown) => RxwireError): RxwireError {
  return error instanceof RxwireError ? error : wrap(error);
}
