import { chain, type MaybeAsync } from '../../internal/maybeAsync.js';
import type { Keyring } from '../keyring.js';
import { NONCE, randomBytes, type Cipher } from './cipher.js';
import { decodeUtf8 } from '../decodeUtf8.js';
import { contentOf, packSealed, SALT, TEXT, unpackSealed, utf8, type Sealed } from './sealedFormat.js';
import { createDerivedKeys } from './derivedKeys.js';

/** The public fields of a message that are authenticated with its payload. */
export interface AuthenticatedFields {
  readonly id: string;
  readonly type: string;
}

export interface PayloadSealOptions {
  readonly keys: Keyring;
  /** The name of the codec that encodes payloads. */
  readonly codec: string;
  /** The maximum number of payloads that are encrypted with one key. @default 2^31 */
  readonly maxPerSalt?: number;
}

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/**
 * Encrypts payloads one by one. Each instance derives a key of its own, and a new one before the
 * number of random nonces becomes too large.
 */
export function createPayloadSeal(cipher: Cipher, { keys, codec, maxPerSalt = 2 ** 31 }: PayloadSealOptions) {
  const derivedKeys = createDerivedKeys(cipher);
  let salt = randomBytes(SALT);
  let sealed = 0;

  const keyOf = (secret: Uint8Array, key: string, usedSalt: Uint8Array) => derivedKeys(secret, `rxwire payload 1 ${key} ${hex(usedSalt)}`);
  const aadOf = ({ kind, key }: Omit<Sealed, 'body'>, { id, type }: AuthenticatedFields): Uint8Array =>
    utf8(`rxwire payload 1 ${kind} ${key} ${codec} ${type} ${id}`);

  return {
    seal: (frame: string | Uint8Array, fields: AuthenticatedFields): MaybeAsync<Uint8Array> => {
      if (sealed++ === maxPerSalt) [salt, sealed] = [randomBytes(SALT), 1];
      const [key, currentSalt] = [keys.current, salt];
      const { kind, content } = contentOf(frame);
      const header = { kind, key, nonce: randomBytes(NONCE) };
      return chain(keyOf(keys.get(key) as Uint8Array, key, currentSalt), (aeadKey) =>
        chain(aeadKey.seal(header.nonce, aadOf(header, fields), content), (body) => packSealed(header, [currentSalt, ...body])),
      );
    },
    /**
     * @throws The error that `refused` creates for the reason, or the error of the cipher; also
     *   delivered.
     */
    open: (bytes: Uint8Array, fields: AuthenticatedFields, refused: (reason: string) => Error): MaybeAsync<string | Uint8Array> => {
      const header = unpackSealed(bytes, refused);
      const { kind, key, nonce, body } = header;
      const secret = keys.get(key);
      if (!secret) throw refused('its key is not in the keyring');
      return chain(keyOf(secret, key, body.subarray(0, SALT)), (aeadKey) =>
        chain(aeadKey.open(nonce, aadOf(header, fields), body.subarray(SALT)), (content) =>
          kind === TEXT ? decodeUtf8(content, codec) : content,
        ),
      );
    },
  };
}
