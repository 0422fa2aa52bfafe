import type { Codec } from '../codec/codec.js';
import { UnsupportedError } from '../errors.js';
import { chain, type MaybeAsync } from '../internal/maybeAsync.js';
import type { Frame } from '../link/link.js';
import type { HelloPayload } from '../message/types.js';

/** How a client introduces itself: by a `system.hello` in its first frame, or, if it knows nothing of that, not at all. */
export interface Introduction {
  /** The codec of the client's frames, for its whole life. */
  readonly codec: Codec;
  readonly hello: HelloPayload | undefined;
}

/** @throws {DecodeError | InvalidMessageError | UnsupportedError} When the frame is none of these codecs; also delivered. */
export function readHello(frame: Frame, codecs: readonly Codec[]): MaybeAsync<Introduction> {
  const codec = codecs.find(({ binary, isSealed }) => !isSealed && binary === (typeof frame !== 'string'));
  if (!codec) throw new UnsupportedError(`no codec for ${typeof frame === 'string' ? 'text' : 'binary'} frames`);
  return chain(codec.decode(frame), ([first]) => ({
    codec,
    hello: first?.type === 'system.hello' ? parseHello(first.payload) : undefined,
  }));
}

/** As hostile as everything that comes from outside. */
function parseHello(payload: unknown): HelloPayload {
  const { session, resume, delivery } = Object(payload) as { [K in keyof HelloPayload]?: unknown };
  if (typeof session !== 'string' || session.length < MIN_SECRET || session.length > MAX_SECRET) {
    throw new UnsupportedError(`system.hello: "session" must be a text of ${MIN_SECRET} to ${MAX_SECRET} characters`);
  }
  if (delivery !== 'at-most-once' && delivery !== 'at-least-once') throw new UnsupportedError('system.hello: "delivery" is not supported');
  return { session, resume: resume === true, delivery };
}

/** 22 characters of 6 bits hold 128 bits: nobody guesses them. */
const MIN_SECRET = 22;
const MAX_SECRET = 256;
