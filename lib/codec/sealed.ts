import { identity } from 'rxjs';
import { DecodeError, EncodeError } from '../errors.js';
import { attempt, chain, type MaybeAsync } from '../internal/maybeAsync.js';
import { NAME_PATTERN } from '../message/messageLimits.js';
import type { BatchContext, Codec } from './codec.js';
import type { Keyring } from './keyring.js';
import { NONCE, randomBytes, type Cipher, type AeadKey } from './seal/cipher.js';
import { contentOf, packSealed, TEXT, unpackSealed, utf8, type Sealed } from './seal/sealedFormat.js';
import { platformCipher, createDerivedKeys } from './seal/derivedKeys.js';
import { decodeUtf8 } from './decodeUtf8.js';
import { withLimits } from './withLimits.js';

/**
 * Encrypts and authenticates the frames of another codec, one batch at a time, by AES-256-GCM: with
 * Node's cipher, or with that of the browser. To compress, wrap the inner codec:
 * `sealed(gzipped(msgpack()), keys)`. Then lengths reveal something about the content.
 *
 * Each batch is bound to its codec, direction, client outbox (`pid`) and sequence numbers. It
 * therefore needs a session, and is rejected over envelopes. A batch that is forged, or was sealed
 * for another place or with a key that is not in the keyring, is dropped, and the connection is
 * closed.
 *
 * @param keys The keys of both sides. May change during use.
 * @throws {UnsupportedError} At call time, without a cipher: in a page that was loaded neither by
 *   HTTPS nor from localhost.
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

/** `sealed` with a given cipher. */
export function sealedWith(cipher: Cipher, codec: Codec, keys: Keyring, nonceOf = () => randomBytes(NONCE)): Codec {
  const name = `${codec.name}+aes-256-gcm`;
  const { seal, open } = createBatchSeal(cipher, { name, binary: codec.binary, keys, nonceOf });

  return withLimits({ ...codec.limits }, (sending): Codec => {
    const inner = codec.within?.(sending) ?? codec;
    return {
      name,
      binary: true,
      isSealed: true,
      encode(batch, context) {
        if (!context) throw new EncodeError(name, NO_SESSION);
        return chain(inner.encode(batch, context), (frame) => seal(frame, context));
      },
      decode(frame, context) {
        if (!context) throw new DecodeError(name, NO_SESSION);
        return chain(open(frame, context), (content) => codec.decode(content, context));
      },
    };
  });
}

const MISMATCH = 'the keys of the two sides do not match';
const NO_SESSION = 'only for batches of a session';
/**
 * The number of sequence numbers that share a derived key: fewer than the number of random nonces
 * that a key allows.
 */
const BATCHES_PER_KEY = 2_147_483_648;

interface BatchSealOptions extends Pick<Codec, 'name' | 'binary'> {
  readonly keys: Keyring;
  readonly nonceOf: () => Uint8Array;
}

function createBatchSeal(cipher: Cipher, { name, binary, keys, nonceOf }: BatchSealOptions) {
  const derivedKeys = createDerivedKeys(cipher);
  const keyOf = (secret: Uint8Array, key: string, { direction, pid, first }: BatchContext): MaybeAsync<AeadKey> =>
    derivedKeys(secret, `rxwire sealed 1 ${key} ${direction} ${pid} ${Math.floor(first / BATCHES_PER_KEY)}`);
  const aadOf = ({ kind, key }: Omit<Sealed, 'body'>, { direction, pid, first, count }: BatchContext): Uint8Array =>
    utf8(`rxwire sealed 1 ${kind} ${key} ${direction} ${pid} ${first} ${count} ${name}`);
  const refused = (reason: string, cause?: unknown): DecodeError => new DecodeError(name, `cannot open: ${reason}`, cause);

  return {
    seal: (frame: string | Uint8Array, context: BatchContext): MaybeAsync<Uint8Array> => {
      const { kind, content } = contentOf(frame);
      const header = { kind, key: keys.current, nonce: nonceOf() };
      return chain(keyOf(keys.get(header.key) as Uint8Array, header.key, context), (aeadKey) =>
        chain(aeadKey.seal(header.nonce, aadOf(header, context), content), (body) => packSealed(header, body)),
      );
    },
    /** @throws {DecodeError} Also delivered. */
    open: (frame: string | Uint8Array, context: BatchContext): MaybeAsync<string | Uint8Array> => {
      const sealed = unpackSealed(frame, refused);
      const { kind, key, nonce, body } = sealed;
      if (binary === (kind === TEXT)) throw refused('it contains a frame of the wrong kind');
      const secret = keys.get(key);
      if (!secret) throw refused(`the keyring of this side has no key ${NAME_PATTERN.test(key) ? key : '?'}: ${MISMATCH}`);
      const onForged = (cause: unknown): never => {
        throw refused(`the key ${key} of this side does not open it: ${MISMATCH}, or it is forged, or of another place`, cause);
      };
      return chain(keyOf(secret, key, context), (aeadKey) =>
        chain(
          attempt(() => aeadKey.open(nonce, aadOf(sealed, context), body), identity, onForged),
          (content) => (kind === TEXT ? decodeUtf8(content, name) : content),
        ),
      );
    },
  };
}
