import type { Codec, SendingLimits } from '../../codec/codec.js';
import { findUnsupported } from '../../codec/assertEncodable.js';
import { hasUnpaired } from '../../codec/unicode.js';
import { byteLength } from '../../message/bytes.js';
import { createMessage } from '../../message/createMessage.js';
import { EncodeError, FrameTooLargeError, type InvalidMessageError, type RxwireError } from '../../message/errors.js';
import { estimateSize, MAX_GROWTH } from '../../message/estimateSize.js';
import { MAX_DEPTH } from '../../message/messageLimits.js';
import { parseMessage } from '../../message/parseMessage.js';
import type { Message } from '../../message/types.js';
import { asEncodeError } from '../../wire/session/encoding.js';
import { isFrame } from '../encodingOnce.js';

/** The room in a frame for the rest of a `channel.message`, in bytes. */
const ENVELOPE_ROOM = 2_048;
const JSON_VALUES = { maxDepth: MAX_DEPTH, supports: () => false, renamesProto: true };
const ALL_VALUES = { maxDepth: MAX_DEPTH, supports: () => true };

/** Returns the size of the frame of a message; 0 if the codec answers later. */
function sizeOf(message: Message, codec: Codec): number {
  const encoded = codec.encode([message]);
  if (!isFrame(encoded)) return 0;
  return typeof encoded === 'string' ? byteLength(encoded) : encoded.length;
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
  let carriesJson = false;
  /** Returns the form of a message for members. */
  const inEnvelope = (message: Message): Message => createMessage('channel.message', { channel: '', message });

  const isSmall = (message: Message): boolean => estimateSize(message, limit / MAX_GROWTH) * MAX_GROWTH <= limit;
  const isJson = ({ payload }: Message): boolean =>
    carriesJson && findUnsupported(payload, JSON_VALUES) === undefined && !hasUnpaired(payload);
  const faultOf = (form: Message, message: Message, codec: Codec): RxwireError | undefined => {
    try {
      const size = sizeOf(form, codec) - sizeOf({ ...form, payload: null }, codec);
      return size > limit ? new FrameTooLargeError(size, limit, message) : undefined;
    } catch (error) {
      return asEncodeError(error, codec.name, message);
    }
  };
  /** Without a codec, the size is estimated. */
  const estimatedFaultOf = (message: Message): RxwireError | undefined => {
    const fault = findUnsupported(message.payload, ALL_VALUES);
    if (fault) return new EncodeError('hub', `cannot carry .payload${fault}`, undefined, message);
    const size = estimateSize(message, limit);
    return size > limit ? new FrameTooLargeError(size, limit, message) : undefined;
  };
  const findFault = (form: Message, message: Message): RxwireError | undefined => {
    if (codecs.size === 0) return estimatedFaultOf(message);
    for (const codec of codecs.values()) {
      const fault = faultOf(form, message, codec);
      if (fault) return fault;
    }
    return undefined;
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
      carriesJson = [...codecs.values()].every((codec) => codec.carriesJson === true);
    },
    /** Returns why a message of the server is refused; `undefined` if it is not. */
    faultOf(message: Message): RxwireError | undefined {
      try {
        parseMessage(message);
      } catch (error) {
        return error as InvalidMessageError;
      }
      if (isSmall(message) && isJson(message)) return undefined;
      return findFault(inEnvelope(message), message);
    },
    /**
     * Returns why a message that has arrived is refused. The only codec of a server can carry what
     * it has decoded.
     *
     * @param isState Whether it is a `channel.update`, and not a message to publish.
     */
    faultOfArrived(message: Message, isState = false): RxwireError | undefined {
      if (isSmall(message) && (codecs.size === 1 || isJson(message))) return undefined;
      return findFault(isState ? message : inEnvelope(message), message);
    },
  };
}
