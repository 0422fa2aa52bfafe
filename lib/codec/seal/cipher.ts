import { UnsupportedError } from '../../message/errors.js';
import { defer, map } from 'rxjs';
import type { MaybeAsync } from '../../message/maybeAsync.js';

/** The sizes in bytes of a nonce, and of the tag that follows the ciphertext. */
export const NONCE = 12;
export const TAG = 16;

export const randomBytes = (size: number): Uint8Array => crypto.getRandomValues(new Uint8Array(size));

export interface AeadKey {
  /**
   * Returns the ciphertext and its tag, in several pieces.
   *
   * @param nonce Must never be reused with this key.
   * @param label The additional authenticated data, which is not transmitted.
   */
  seal(nonce: Uint8Array, label: Uint8Array, content: Uint8Array): MaybeAsync<readonly Uint8Array[]>;
  /** @throws {Error} If the tag does not match the key, nonce and label; also delivered. */
  open(nonce: Uint8Array, label: Uint8Array, sealed: Uint8Array): MaybeAsync<Uint8Array>;
}

export interface Cipher {
  /** Whether the results are Observables. @default false */
  readonly isAsync?: boolean;
  /** Derives a key of 32 bytes for one purpose, by HKDF (RFC 5869) with SHA-256 and no salt. */
  derive(secret: Uint8Array, info: Uint8Array): MaybeAsync<Uint8Array>;
  /** @param key 32 bytes. */
  importKey(key: Uint8Array): MaybeAsync<AeadKey>;
}

interface Transform {
  setAAD(label: Uint8Array): void;
  update(bytes: Uint8Array): Uint8Array;
  final(): Uint8Array;
}

type Create<T> = (algorithm: 'aes-256-gcm', key: object, nonce: Uint8Array, options: { readonly authTagLength: number }) => T;

interface Crypto {
  hkdfSync(digest: 'sha256', secret: Uint8Array, salt: Uint8Array, info: Uint8Array, size: number): ArrayBuffer;
  createSecretKey(bytes: Uint8Array): object;
  readonly createCipheriv: Create<Transform & { getAuthTag(): Uint8Array }>;
  readonly createDecipheriv: Create<Transform & { setAuthTag(tag: Uint8Array): void }>;
}

interface Runtime {
  readonly process?: { readonly getBuiltinModule?: (name: string) => Crypto | undefined };
}

/** Returns Node's synchronous cipher, without an import: bundles for browsers lack it. */
export function nativeCipher(): Cipher | undefined {
  const crypto = (globalThis as Runtime).process?.getBuiltinModule?.('node:crypto');
  return crypto && typeof crypto.hkdfSync === 'function' ? cipherOf(crypto) : undefined;
}

function cipherOf(crypto: Crypto): Cipher {
  return {
    derive: (secret, info) => new Uint8Array(crypto.hkdfSync('sha256', secret, new Uint8Array(), info, 32)),
    importKey: (key) => nativeKey(crypto, crypto.createSecretKey(key)),
  };
}

/** Without this length, Node would also accept a tag of 4 bytes. */
const OPTIONS = { authTagLength: TAG };

function nativeKey({ createCipheriv, createDecipheriv }: Crypto, key: object): AeadKey {
  return {
    seal(nonce, label, content) {
      const cipher = createCipheriv('aes-256-gcm', key, nonce, OPTIONS);
      cipher.setAAD(label);
      // `final` returns nothing here: it computes the tag.
      const sealed = [cipher.update(content), cipher.final()];
      return [...sealed, cipher.getAuthTag()];
    },
    open(nonce, label, sealed) {
      const end = sealed.length - TAG;
      if (nonce.length !== NONCE || end < 0) throw new Error('truncated');
      const decipher = createDecipheriv('aes-256-gcm', key, nonce, OPTIONS);
      decipher.setAAD(label);
      decipher.setAuthTag(sealed.subarray(end));
      const { buffer, byteOffset, length } = decipher.update(sealed.subarray(0, end));
      decipher.final();
      // Not a Buffer: codecs treat Buffers differently.
      return new Uint8Array(buffer, byteOffset, length);
    },
  };
}

/** Undefined in pages that were loaded neither by HTTPS nor from localhost. */
export function platformSubtle(): SubtleCrypto | undefined {
  return (globalThis as { readonly crypto?: { readonly subtle?: SubtleCrypto } }).crypto?.subtle;
}

export function webCipher(): Cipher | undefined {
  const subtle = platformSubtle();
  return (
    subtle && {
      isAsync: true,
      derive: (secret, info) => defer(() => derive(subtle, secret, info)).pipe(map(bytesOf)),
      importKey: (key) =>
        defer(() => subtle.importKey('raw', unshared(key), 'AES-GCM', false, ['encrypt', 'decrypt'])).pipe(
          map((made) => webKey(subtle, made)),
        ),
    }
  );
}

async function derive(subtle: SubtleCrypto, secret: Uint8Array, info: Uint8Array): Promise<ArrayBuffer> {
  const key = await subtle.importKey('raw', unshared(secret), 'HKDF', false, ['deriveBits']);
  return subtle.deriveBits({ name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(), info: unshared(info) }, key, 256);
}

/** Returns 32 bytes, by PBKDF2 (RFC 8018) with HMAC-SHA-256. */
export async function pbkdf2(subtle: SubtleCrypto, secret: Uint8Array, salt: Uint8Array, iterations: number): Promise<Uint8Array> {
  const key = await subtle.importKey('raw', unshared(secret), 'PBKDF2', false, ['deriveBits']);
  return bytesOf(await subtle.deriveBits({ name: 'PBKDF2', hash: 'SHA-256', salt: unshared(salt), iterations }, key, 256));
}

function webKey(subtle: SubtleCrypto, key: CryptoKey): AeadKey {
  const parameters = (nonce: Uint8Array, label: Uint8Array): AesGcmParams => ({
    name: 'AES-GCM',
    iv: unshared(nonce),
    additionalData: unshared(label),
    tagLength: 128,
  });
  return {
    seal: (nonce, label, content) =>
      defer(() => subtle.encrypt(parameters(nonce, label), key, unshared(content))).pipe(map((bytes) => [bytesOf(bytes)])),
    open: (nonce, label, sealed) => defer(() => subtle.decrypt(parameters(nonce, label), key, unshared(sealed))).pipe(map(bytesOf)),
  };
}

/** Narrows the type: none of these arrays uses memory that is shared with a worker. */
const unshared = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => bytes as Uint8Array<ArrayBuffer>;
const bytesOf = (buffer: ArrayBuffer): Uint8Array => new Uint8Array(buffer);

/** @throws {UnsupportedError} If the runtime has no cipher. */
export function platformCipher(owner: string): Cipher {
  const cipher = nativeCipher() ?? webCipher();
  if (!cipher) throw new UnsupportedError(`${owner}: no cipher is available: load the page by HTTPS, or from localhost`);
  return cipher;
}
