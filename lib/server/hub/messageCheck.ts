import type { Codec } from '../../codec/codec.js';
import { findUnsupported } from '../../codec/assertEncodable.js';
import type { ChannelRefusal } from '../../message/channelTypes.js';
import { EncodeError, FrameTooLargeError, InvalidMessageError, type RxwireError } from '../../message/errors.js';
import { estimateSize, MAX_GROWTH } from '../../message/estimateSize.js';
import { MAX_DEPTH } from '../../message/messageLimits.js';
import type { Message } from '../../message/types.js';
import type { SendingLimits } from '../../wire/wire.js';
import { asEncodeError, sizeError } from '../../wire/session/encoding.js';
import { isFrame } from '../encodingOnce.js';

/** The room in a frame for the rest of a `channel.message`, in bytes. */
const ENVELOPE_ROOM = 2_048;

/** Returns the reason with which a message is refused because of an error. */
export function refusalOf(error: unknown): ChannelRefusal {
  if (error instanceof FrameTooLargeError) return 'too-large';
  if (error instanceof EncodeError) return 'unsupported';
  return error instanceof InvalidMessageError ? 'invalid' : 'failed';
}

export type MessageCheck = ReturnType<typeof createMessageCheck>;

/**
 * Creates the check of what a channel accepts: a message that each codec of the servers can carry,
 * in the form in which it will be sent. So no member is sent a message that it cannot receive.
 *
 * @param maxSize The maximum size of a message, in bytes.
 */
export function createMessageCheck(maxSize: number) {
  /** The codecs of the servers, by name. */
  const codecs = new Map<string, Codec>();
  let limit = maxSize;

  const faultOf = (message: Message, codec: Codec): RxwireError | undefined => {
    try {
      const encoded = codec.encode([message]);
      const error = isFrame(encoded) ? sizeError(encoded, limit) : undefined;
      return error && new FrameTooLargeError(error.size, limit, message);
    } catch (error) {
      return asEncodeError(error, codec.name, message);
    }
  };
  /** Without a codec, the size is estimated. */
  const estimatedFaultOf = (message: Message): RxwireError | undefined => {
    const fault = findUnsupported(message.payload, { maxDepth: MAX_DEPTH, supports: () => true });
    if (fault) return new EncodeError('hub', `cannot carry .payload${fault}`, undefined, message);
    const size = estimateSize(message, limit);
    return size > limit ? new FrameTooLargeError(size, limit, message) : undefined;
  };

  return {
    /** Adds the codecs of the server of a wire. */
    add(limits: SendingLimits | undefined): void {
      if (!limits) return;
      limit = Math.min(limit, Math.max(1, limits.maxFrame - ENVELOPE_ROOM));
      for (const codec of limits.codecs) {
        const content = codec.plain ?? codec;
        // A codec that needs a context, as one of the application may, cannot be asked.
        if (content.encode.length < 2) codecs.set(content.name, content);
      }
    },
    /**
     * Returns why a message is refused; `undefined` if it is not.
     *
     * @param hasArrived Whether a codec of the server has decoded the message: then the only codec
     *   can carry it.
     */
    faultOf(message: Message, hasArrived: boolean): RxwireError | undefined {
      if (codecs.size === 0) return estimatedFaultOf(message);
      if (hasArrived && codecs.size === 1 && estimateSize(message, limit / MAX_GROWTH) * MAX_GROWTH <= limit) return undefined;
      for (const codec of codecs.values()) {
        const fault = faultOf(message, codec);
        if (fault) return fault;
      }
      return undefined;
    },
  };
}
