import { identity } from 'rxjs';
import { DecodeError, EncodeError } from '../message/errors.js';
import { attempt, chain, type MaybeAsync } from '../message/maybeAsync.js';
import { NAME_PATTERN } from '../message/messageLimits.js';
import { asynchronous } from './asynchronous.js';
import { type BatchContext, type Codec, withLimits } from './codec.js';
import type { Keyring } from './keyring.js';
import { platformCipher, type Cipher } from './seal/cipher.js';
import { createSeal, TEXT, unpackSealed } from './seal/seal.js';

/**
 * Encrypts and authenticates the frames of another codec, one batch at a time, by AES-256-GCM: with
 * Node's cipher, or with that of the browser. To compress, wrap the inner codec:
 * `sealed(gzipped(msgpack()), keys)`. Then lengths reveal something about the content.
 *
 * Each batch is bound to its codec, direction, client outbox (`pid`) and sequence numbers. It
 * therefore needs a session, and is rejected over envelopes. A batch that is forged, or was sealed
 * for another place or with an unknown key, is dropped, and the connection is closed.
 *
 * @param keys The keys of both sides. May change during use.
 * @throws {UnsupportedError} At call time, in a page neither of HTTPS nor of localhost.
 * @example
 * import { connect, keyring, msgpack, sealed, webSocket } from 'rxwire';
 *
 * const keys = keyring({
 *   current: 'k1',
 *   keys: { k1: crypto.getRandomValues(new Uint8Array(32)) },
 * });
 * const safe = connect({
 *   link: webSocket('ws://127.0.0.1:4870/wire'),
 *   codec: sealed(msgpack(), keys),
 * });
 */
export function sealed(codec: Codec, keys: Keyring): Codec {
  return sealedWith(platformCipher('sealed'), codec, keys);
}

export function sealedWith(cipher: Cipher, codec: Codec, keys: Keyring, nonceOf?: () => Uint8Array): Codec {
  const name = `${codec.name}+aes-256-gcm`;
  const { seal, open } = createSeal(cipher, keys, 'sealed', name, nonceOf);
  const refused = (reason: string, cause?: unknown): DecodeError => new DecodeError(name, `cannot open: ${reason}`, cause);

  const keyPlaceOf = ({ direction, pid, first }: BatchContext) => `${direction} ${pid} ${Math.floor(first / BATCHES_PER_KEY)}`;
  const placeOf = ({ direction, pid, first, count }: BatchContext) => `${direction} ${pid} ${first} ${count} ${name}`;
  const openFrame = (frame: string | Uint8Array, context: BatchContext): MaybeAsync<string | Uint8Array> => {
    const parts = unpackSealed(frame, refused);
    const { kind, key } = parts;
    if (codec.binary === (kind === TEXT)) throw refused('it contains a frame of the wrong kind');
    const secret = keys.get(key);
    if (!secret) throw refused(`the keyring of this side has no key ${NAME_PATTERN.test(key) ? key : '?'}: ${MISMATCH}`);
    return attempt(
      () => open(parts, secret, keyPlaceOf(context), placeOf(context)),
      identity,
      (cause) => {
        if (cause instanceof DecodeError) throw cause;
        throw refused(`the key ${key} of this side does not open it: ${MISMATCH}, or it is forged, or of another place`, cause);
      },
    );
  };
  return withLimits({ ...codec.limits }, (sending): Codec => {
    const inner = codec.within?.(sending) ?? codec;
    return {
      name,
      binary: true,
      isSealed: true,
      plain: codec.plain ?? codec,
      asynchronous: cipher.isAsync ? asynchronous : codec.asynchronous,
      encode(batch, context) {
        if (!context) throw new EncodeError(name, NO_SESSION);
        return chain(inner.encode(batch, context), (frame) => seal(frame, keyPlaceOf(context), placeOf(context)));
      },
      decode(frame, context) {
        if (!context) throw new DecodeError(name, NO_SESSION);
        return chain(openFrame(frame, context), (content) => codec.decode(content, context));
      },
    };
  });
}

const MISMATCH = 'the keys of the two sides do not match';
const NO_SESSION = 'only for batches of a session';

/** The sequence numbers of a derived key: fewer than the random nonces that it allows. */
const BATCHES_PER_KEY = 2_147_483_648;
