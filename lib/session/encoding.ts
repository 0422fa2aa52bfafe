import { identity, isObservable } from 'rxjs';
import type { BatchContext, Codec } from '../codec/codec.js';
import { DecodeError, EncodeError, FrameTooLargeError, RxwireError } from '../errors.js';
import { chain, attempt, type MaybeAsync } from '../internal/maybeAsync.js';
import type { Frame } from '../link/link.js';
import type { Message } from '../message/types.js';
import type { NegotiatedCodec } from './codecNegotiation.js';

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

/** Makes bodies of messages, as few as the limit allows. Those that can be sent get numbers from `first` on, or none when that is 0. */
export type Encode = (messages: readonly Message[], first: number) => MaybeAsync<readonly Encoded[]>;

export interface EncoderOptions {
  /** Bytes a body may have. */
  readonly maxSize: number;
  /** Told of those that cannot be sent, and are left out. */
  readonly onUnsendable: OnUnsendable;
  /** Which batch it is, in a session. */
  readonly contextOf?: (first: number, count: number) => BatchContext;
}

export function createEncoder(codecs: Pick<NegotiatedCodec, 'current'>, { maxSize, onUnsendable, contextOf }: EncoderOptions): Encode {
  const check = (messages: readonly Message[], body: Frame): readonly Encoded[] => {
    checkSize(body, maxSize);
    return [{ messages, body }];
  };
  const failed = (messages: readonly Message[], first: number, error: unknown): MaybeAsync<readonly Encoded[]> => {
    const middle = messages.length >> 1;
    // One message must not take the others of its batch with it: the batch is halved until the message is alone.
    if (middle > 0) {
      return chain(encode(messages.slice(0, middle), first), (left) =>
        chain(encode(messages.slice(middle), first && first + countOf(left)), (right) => [...left, ...right]),
      );
    }
    onUnsendable(
      messages[0] as Message,
      asRxwireError(error, (cause) => new EncodeError(codecs.current.name, 'cannot encode', cause)),
    );
    return [];
  };
  const encode: Encode = (messages, first) => {
    try {
      const body = codecs.current.encode(messages, contextOf?.(first, messages.length));
      if (!isObservable(body)) return check(messages, body);
      return attempt(
        () => body,
        (one) => check(messages, one),
        (error) => failed(messages, first, error),
      );
    } catch (error) {
      return failed(messages, first, error);
    }
  };
  return encode;
}

/** How many messages these carry. */
export function countOf(encoded: readonly Encoded[]): number {
  return encoded.reduce((sum, { messages }) => sum + messages.length, 0);
}

/** Reads a body. @throws {RxwireError} When the codec cannot read it; also delivered. */
export function decodeBody(codec: Codec, body: Frame, context?: BatchContext): MaybeAsync<readonly Message[]> {
  const fail = (error: unknown): never => {
    throw asRxwireError(error, (cause) => new DecodeError(codec.name, 'cannot decode', cause));
  };
  try {
    const isText = typeof body === 'string';
    if (codec.binary === isText) throw new DecodeError(codec.name, `a ${isText ? 'text' : 'binary'} frame`);
    const messages = codec.decode(body, context);
    return isObservable(messages) ? attempt(() => messages, identity, fail) : messages;
  } catch (error) {
    return fail(error);
  }
}

function asRxwireError(error: unknown, wrap: (cause: unknown) => RxwireError): RxwireError {
  return error instanceof RxwireError ? error : wrap(error);
}
