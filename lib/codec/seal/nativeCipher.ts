import { NONCE, TAG, type Cipher, type AeadKey } from './cipher.js';

interface Transform {
  setAAD(label: Uint8Array): void;
  update(bytes: Uint8Array): Uint8Array;
  final(): Uint8Array;
}

type Create<T> = (algorithm: 'aes-256-gcm', key: object, nonce: Uint8Array, options: { readonly authTagLength: number }) => T;

/** The used part of Node's `crypto`. */
interface Crypto {
  hkdfSync(digest: 'sha256', secret: Uint8Array, salt: Uint8Array, info: Uint8Array, size: number): ArrayBuffer;
  createSecretKey(bytes: Uint8Array): object;
  readonly createCipheriv: Create<Transform & { getAuthTag(): Uint8Array }>;
  readonly createDecipheriv: Create<Transform & { setAuthTag(tag: Uint8Array): void }>;
}

interface Runtime {
  readonly process?: { readonly getBuiltinModule?: (name: string) => Crypto | undefined };
}

/**
 * Returns Node's synchronous cipher; undefined elsewhere. There is no import, so bundles for
 * browsers do not contain it.
 */
export function nativeCipher(): Cipher | undefined {
  const crypto = (globalThis as Runtime).process?.getBuiltinModule?.('node:crypto');
  return crypto && typeof crypto.hkdfSync === 'function' ? cipherOf(crypto) : undefined;
}

function cipherOf(crypto: Crypto): Cipher {
  return {
    derive: (secret, info) => new Uint8Array(crypto.hkdfSync('sha256', secret, new Uint8Array(), info, 32)),
    importKey: (key) => aeadKeyOf(crypto, crypto.createSecretKey(key)),
  };
}

/** Without this length, Node would also accept a tag of 4 bytes. */
const OPTIONS = { authTagLength: TAG };

function aeadKeyOf({ createCipheriv, createDecipheriv }: Crypto, key: object): AeadKey {
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
