import type { Codec } from '../codec/codec.js';
import type { Frame } from '../io/link.js';
import type { Message } from '../message/types.js';
import { changedCodec } from './changedCodec.js';

/**
 * Returns a codec that reuses its last result when it encodes the same messages again: a message of
 * a channel is encoded once, and not for each member. It reuses results only for frozen messages,
 * as those of a hub, and only of codecs that do not depend on the batch, as those that encrypt do.
 */
export function encodingOnce(codec: Codec): Codec {
  if (!isContextFree(codec)) return codec;
  let latest: readonly Message[] = [];
  let frame: Frame = '';

  const encode = (batch: readonly Message[]): ReturnType<Codec['encode']> => {
    if (isSame(batch, latest)) return frame;
    const made = codec.encode(batch);
    if (isFrame(made) && batch.every(isFixed)) [latest, frame] = [batch, made];
    return made;
  };
  return changedCodec(codec, { encode });
}

/**
 * Returns whether the result of a codec depends only on the messages. False for a codec that
 * encrypts, that is asynchronous, or that uses a context.
 */
export function isContextFree(codec: Codec): boolean {
  return !codec.isSealed && !codec.asynchronous && codec.encode.length === 1;
}

/** Returns whether a codec has answered at once. */
export function isFrame(encoded: ReturnType<Codec['encode']>): encoded is Frame {
  return typeof encoded === 'string' || encoded instanceof Uint8Array;
}

function isSame(batch: readonly Message[], latest: readonly Message[]): boolean {
  return batch.length > 0 && batch.length === latest.length && batch.every((message, index) => message === latest[index]);
}

function isFixed(message: Message): boolean {
  return Object.isFrozen(message) && Object.isFrozen(message.payload);
}
