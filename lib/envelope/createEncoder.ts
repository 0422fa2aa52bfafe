import type { Codec } from '../codec/codec.js';
import type { RxwireError } from '../errors.js';
import { attempt, chain, type MaybeAsync } from '../internal/maybeAsync.js';
import type { Frame } from '../link/link.js';
import type { Message } from '../message/types.js';
import { asEncodeError, checkSize } from '../session/encoding.js';

/** Called with each message that cannot be encoded, or exceeds the size limit alone. */
export type OnUnsendable = (message: Message, error: RxwireError) => void;

/**
 * Returns a function that encodes messages as frames, as few as the limit allows.
 *
 * @param onUnsendable Called with the messages that cannot be encoded, which are left out.
 */
export function createEncoder(codec: Codec, maxFrame: number, onUnsendable: OnUnsendable) {
  const failed = (messages: readonly Message[], error: unknown): MaybeAsync<readonly Frame[]> => {
    const middle = messages.length >> 1;
    // Halves the batch until the faulty message is alone, so that the other messages are sent.
    if (middle > 0)
      return chain(encode(messages.slice(0, middle)), (left) => chain(encode(messages.slice(middle)), (right) => [...left, ...right]));
    const [message] = messages as readonly [Message];
    onUnsendable(message, asEncodeError(error, codec.name, message));
    return [];
  };
  const encode = (messages: readonly Message[]): MaybeAsync<readonly Frame[]> =>
    attempt<Frame, readonly Frame[]>(
      () => codec.encode(messages),
      (frame) => {
        checkSize(frame, maxFrame);
        return [frame];
      },
      (error) => failed(messages, error),
    );
  return encode;
}
