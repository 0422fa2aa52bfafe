import { identity, isObservable } from 'rxjs';
import type { BatchContext, Codec } from '../codec/codec.js';
import { DecodeError, EncodeError, FrameTooLargeError, RxwireError } from '../errors.js';
import { byteLength } from '../internal/byteLength.js';
import { chain, attempt, type MaybeAsync } from '../internal/maybeAsync.js';
import type { Frame } from '../link/link.js';
import type { Message } from '../message/types.js';

/** Messages, and the body of the frame that carries them. */
export interface Encoded {
  readonly messages: readonly Message[];
  readonly body: Frame;
  /** The number of the first message; 0 if the messages have no numbers. */
  readonly first: number;
}

/** The codec, and the maximum size of a body in bytes. Both may change. */
export interface EncodingTarget {
  readonly current: Codec;
  readonly maxSize: number;
}

/** Called with each message that cannot be encoded, or exceeds the size limit alone. */
export type OnUnsendable = (message: Message, error: RxwireError) => void;

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

/**
 * Encodes messages as bodies, as few as the limit allows. The encodable messages get numbers from
 * `first` on; none if `first` is 0.
 *
 * @param keepsNumbers Whether the messages have their numbers already: those that cannot be encoded
 *   keep theirs.
 * @default false
 */
export type Encode = (messages: readonly Message[], first: number, keepsNumbers?: boolean) => MaybeAsync<readonly Encoded[]>;

export interface EncoderOptions {
  /** Called with the messages that cannot be encoded, which are left out. */
  readonly onUnsendable: OnUnsendable;
  /** Returns the context of a batch, in a session. */
  readonly contextOf?: (first: number, count: number) => BatchContext;
}

export function createEncoder(target: EncodingTarget, { onUnsendable, contextOf }: EncoderOptions): Encode {
  const check = (messages: readonly Message[], first: number, body: Frame): readonly Encoded[] => {
    checkSize(body, target.maxSize);
    return [{ messages, body, first }];
  };
  const failed = (messages: readonly Message[], first: number, keepsNumbers: boolean, error: unknown): MaybeAsync<readonly Encoded[]> => {
    const middle = messages.length >> 1;
    // Halves the batch until the faulty message is alone, so that the other messages are sent.
    if (middle > 0) {
      return chain(encode(messages.slice(0, middle), first, keepsNumbers), (left) =>
        chain(encode(messages.slice(middle), first && first + (keepsNumbers ? middle : countOf(left)), keepsNumbers), (right) => [
          ...left,
          ...right,
        ]),
      );
    }
    const message = messages[0] as Message;
    const { codec, reason, cause } =
      error instanceof EncodeError ? error : { codec: target.current.name, reason: 'it has thrown an error', cause: error };
    const isOther = error instanceof RxwireError && !(error instanceof EncodeError);
    onUnsendable(message, isOther ? error : new EncodeError(codec, reason, cause, message));
    return [];
  };
  const encode: Encode = (messages, first, keepsNumbers = false) => {
    try {
      const body = target.current.encode(messages, contextOf?.(first, messages.length));
      if (!isObservable(body)) return check(messages, first, body);
      return attempt(
        () => body,
        (one) => check(messages, first, one),
        (error) => failed(messages, first, keepsNumbers, error),
      );
    } catch (error) {
      return failed(messages, first, keepsNumbers, error);
    }
  };
  return encode;
}

/** Returns the number of messages. */
export function countOf(encoded: readonly Encoded[]): number {
  return encoded.reduce((sum, { messages }) => sum + messages.length, 0);
}

/** Decodes a body. @throws {RxwireError} When the codec cannot decode the body; also delivered. */
export function decodeBody(codec: Codec, body: Frame, context?: BatchContext): MaybeAsync<readonly Message[]> {
  const fail = (error: unknown): never => {
    throw asRxwireError(error, (cause) => new DecodeError(codec.name, 'it has thrown an error', cause));
  };
  try {
    const isText = typeof body === 'string';
    if (codec.binary === isText) throw new DecodeError(codec.name, `it cannot be a ${isText ? 'text' : 'binary'} frame`);
    const messages = codec.decode(body, context);
    return isObservable(messages) ? attempt(() => messages, identity, fail) : messages;
  } catch (error) {
    return fail(error);
  }
}

function asRxwireError(error: unknown, wrap: (cause: unknown) => RxwireError): RxwireError {
  return error instanceof RxwireError ? error : wrap(error);
}
