import { identity } from 'rxjs';
import type { BatchContext, Codec } from '../../codec/codec.js';
import { DecodeError, EncodeError, FrameTooLargeError, RxwireError } from '../../message/errors.js';
import { byteLength } from '../../message/bytes.js';
import { attempt, type MaybeAsync } from '../../message/maybeAsync.js';
import type { Frame } from '../../io/link.js';
import type { Message } from '../../message/types.js';

/** @throws {FrameTooLargeError} When a frame has more than `maxFrame` bytes. */
export function checkSize(frame: Frame, maxFrame: number): void {
  const error = sizeError(frame, maxFrame);
  if (error) throw error;
}

/** Returns the error of a frame with more than `maxFrame` bytes. */
export function sizeError(frame: Frame, maxFrame: number): FrameTooLargeError | undefined {
  const { length } = frame;
  // Text is sent as UTF-8, with up to 3 bytes for each character: the bytes are counted only if
  // they may exceed the limit.
  const isUnsure = typeof frame === 'string' && length * 3 > maxFrame;
  const size = isUnsure ? byteLength(frame) : length;
  return size > maxFrame ? new FrameTooLargeError(size, maxFrame) : undefined;
}

/** Returns the error of a message that cannot be encoded, or that is too large. */
export function asEncodeError(error: unknown, codec: string, message: Message): RxwireError {
  if (error instanceof EncodeError) return new EncodeError(error.codec, error.reason, error.cause, message);
  if (error instanceof FrameTooLargeError) return new FrameTooLargeError(error.size, error.limit, message);
  return error instanceof RxwireError ? error : new EncodeError(codec, 'it has thrown an error', error, message);
}

/** The maximum number of bytes, or characters, of a frame in an error. */
const MAX_SHOWN = 256;

/** @throws {DecodeError} When a codec for text gets bytes, or the reverse. */
export function checkKind(codec: Codec, body: Frame): void {
  const isText = typeof body === 'string';
  if (codec.binary === isText) throw new DecodeError(codec.name, `it cannot be a ${isText ? 'text' : 'binary'} frame`);
}

/** @throws {RxwireError} The error of a body that a codec cannot decode. */
export function decodeFailed(codec: Codec, body: Frame, error: unknown): never {
  const failure = error instanceof RxwireError ? error : new DecodeError(codec.name, 'it has thrown an error', error);
  throw failure instanceof DecodeError ? Object.assign(failure, { frame: body.slice(0, MAX_SHOWN) }) : failure;
}

/** Decodes a body. @throws {RxwireError} When the codec cannot decode the body; also delivered. */
export function decodeBody(codec: Codec, body: Frame, context?: BatchContext): MaybeAsync<readonly Message[]> {
  return attempt(
    () => {
      checkKind(codec, body);
      return codec.decode(body, context);
    },
    identity<readonly Message[]>,
    (error) => decodeFailed(codec, body, error),
  );
}

export interface ByteCounts {
  bytesSent: number;
  bytesReceived: number;
  /** The time of the last frame, in ms of the clock of the scheduler. */
  activeAt?: number;
}

/** Counts the bytes of a frame, and records the time. @param now That of the scheduler. */
export function countFrame(counts: ByteCounts | undefined, direction: 'bytesSent' | 'bytesReceived', frame: Frame, now: number): void {
  if (!counts) return;
  counts[direction] += typeof frame === 'string' ? byteLength(frame) : frame.length;
  counts.activeAt = now;
}
