import { isObservable, tap } from 'rxjs';
import { concatBytes } from '../../message/bytes.js';
import { chain, type MaybeAsync } from '../../message/maybeAsync.js';
import type { Message } from '../../message/types.js';
import type { Keyring } from '../keyring.js';
import { decodeUtf8, utf8 } from '../unicode.js';
import { NONCE, randomBytes, TAG, type AeadKey, type Cipher } from './cipher.js';

/**
 * Encrypts frames, each for one place, by keys that are derived from those of a keyring. `keyPlace`
 * selects the derived key, and `place` is authenticated.
 *
 * @param use Is a part of both.
 * @param codec The name of the codec, for errors.
 */
export function createSeal(cipher: Cipher, keys: Keyring, use: 'sealed' | 'payload', codec: string, nonceOf = () => randomBytes(NONCE)) {
  const derivedKeys = createDerivedKeys(cipher);
  const keyFor = (secret: Uint8Array, key: string, keyPlace: string) => derivedKeys(secret, `rxwire ${use} 1 ${key} ${keyPlace}`);
  const labelOf = (kind: number, key: string, place: string) => utf8(`rxwire ${use} 1 ${kind} ${key} ${place}`);

  return {
    /** @param salt Precedes the ciphertext. */
    seal: (frame: string | Uint8Array, keyPlace: string, place: string, salt?: Uint8Array): MaybeAsync<Uint8Array> => {
      const [kind, content] = typeof frame === 'string' ? [TEXT, utf8(frame)] : [BYTES, frame];
      const [key, nonce] = [keys.current, nonceOf()];
      return chain(keyFor(keys.get(key) as Uint8Array, key, keyPlace), (aeadKey) =>
        chain(aeadKey.seal(nonce, labelOf(kind, key, place), content), (body) =>
          // Version, kind, length of the name, name of the key, nonce, ciphertext, tag.
          concatBytes([Uint8Array.of(VERSION, kind, key.length), utf8(key), nonce, ...(salt ? [salt] : []), ...body]),
        ),
      );
    },
    /** @param secret The key of the keyring. */
    open: ({ kind, key, nonce, body }: Sealed, secret: Uint8Array, keyPlace: string, place: string): MaybeAsync<string | Uint8Array> =>
      chain(keyFor(secret, key, keyPlace), (aeadKey) =>
        chain(aeadKey.open(nonce, labelOf(kind, key, place), body), (content) => (kind === TEXT ? decodeUtf8(content, codec) : content)),
      ),
  };
}

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/**
 * Encrypts payloads one by one, and authenticates them with the `id` and `type` of their messages.
 * Each instance derives a key of its own, and a new one before there are too many nonces.
 *
 * @param maxPerSalt The maximum number of payloads that are encrypted with one key.
 */
export function createPayloadSeal(cipher: Cipher, keys: Keyring, codec: string, maxPerSalt = 2 ** 31) {
  const { seal, open } = createSeal(cipher, keys, 'payload', codec);
  let salt = randomBytes(SALT);
  let sealed = 0;
  const placeOf = ({ id, type }: Pick<Message, 'id' | 'type'>): string => `${codec} ${type} ${id}`;

  return {
    seal: (frame: string | Uint8Array, message: Pick<Message, 'id' | 'type'>): MaybeAsync<Uint8Array> => {
      if (sealed++ === maxPerSalt) [salt, sealed] = [randomBytes(SALT), 1];
      return seal(frame, hex(salt), placeOf(message), salt);
    },
    /** @throws The error of `refused`, or of the cipher; also delivered. */
    open: (bytes: Uint8Array, message: Message, refused: (reason: string) => Error): MaybeAsync<string | Uint8Array> => {
      const header = unpackSealed(bytes, refused);
      const { key, body } = header;
      const secret = keys.get(key);
      if (!secret) throw refused('its key is not in the keyring');
      return open({ ...header, body: body.subarray(SALT) }, secret, hex(body.subarray(0, SALT)), placeOf(message));
    },
  };
}

/** The number of cached keys of each secret: a server has two for each client. */
const MAX_CACHED = 1_024;

/** Caches derived keys. The cache of a secret is garbage-collected with the secret. */
function createDerivedKeys(cipher: Cipher) {
  const cachesBySecret = new WeakMap<Uint8Array, ReturnType<typeof createGenerationCache<MaybeAsync<AeadKey>>>>();

  return (secret: Uint8Array, purpose: string): MaybeAsync<AeadKey> => {
    let cache = cachesBySecret.get(secret);
    if (!cache) cachesBySecret.set(secret, (cache = createGenerationCache(MAX_CACHED)));
    const keys = cache;
    return keys.get(purpose, () => {
      const key = chain(cipher.derive(secret, utf8(purpose)), (key) => cipher.importKey(key));
      // The cached key is synchronous from then on.
      return isObservable(key) ? key.pipe(tap((ready) => keys.set(purpose, ready))) : key;
    });
  };
}

/** Creates a cache of recently used values: at least `size` of them, and at most twice as many. */
export function createGenerationCache<V>(size: number) {
  let young = new Map<string, V>();
  let old = new Map<string, V>();

  const set = (name: string, value: V): void => {
    // Evicts a whole generation at once, so that no entry is searched for.
    if (young.size >= size && !young.has(name)) [old, young] = [young, new Map<string, V>()];
    young.set(name, value);
  };
  return {
    get(name: string, make: () => V): V {
      const found = young.get(name);
      if (found !== undefined) return found;
      const value = old.get(name) ?? make();
      set(name, value);
      return value;
    },
    set,
  };
}

/** The version of the format that docs/formats.md describes: AES-256-GCM. */
export const VERSION = 1;
/** The number of bytes before the name of the key. */
export const HEADER_SIZE = 3;
/** The size of the random salt that precedes the ciphertext of a payload, in bytes. */
export const SALT = 16;
export const TEXT = 0;
export const BYTES = 1;

interface Sealed {
  /** `TEXT`, encrypted as UTF-8, or `BYTES`. */
  readonly kind: number;
  readonly key: string;
  readonly nonce: Uint8Array;
  /** Ciphertext and tag. */
  readonly body: Uint8Array;
}

/** @throws The error that `refused` creates for the reason. */
export function unpackSealed(bytes: string | Uint8Array, refused: (reason: string) => Error): Sealed {
  if (typeof bytes === 'string') throw refused('it is a text, not bytes');
  const [version, kind = 0, length = 0] = bytes;
  if (version !== VERSION) throw refused('it is not sealed');
  if (kind !== TEXT && kind !== BYTES) throw refused('its kind is unknown');
  const start = HEADER_SIZE + length;
  if (bytes.length < start + NONCE + TAG) throw refused('it is truncated');
  // Names of keys are ASCII: any other byte matches no key.
  const key = String.fromCharCode(...bytes.subarray(HEADER_SIZE, start));
  return { kind, key, nonce: bytes.subarray(start, start + NONCE), body: bytes.subarray(start + NONCE) };
}
