import { NONCE, TAG, type Cipher, type Safe } from './cipher.js';

interface Transform {
  setAAD(label: Uint8Array): void;
  update(bytes: Uint8Array): Uint8Array;
  final(): Uint8Array;
}

type Create<T> = (algorithm: 'aes-256-gcm', key: object, nonce: Uint8Array, options: { readonly authTagLength: number }) => T;

/** What is used here of Node's `crypto`. */
interface Crypto {
  hkdfSync(digest: 'sha256', secret: Uint8Array, salt: Uint8Array, info: Uint8Array, size: number): ArrayBuffer;
  createSecretKey(bytes: Uint8Array): object;
  readonly createCipheriv: Create<Transform & { getAuthTag(): Uint8Array }>;
  readonly createDecipheriv: Create<Transform & { setAuthTag(tag: Uint8Array): void }>;
}

interface Runtime {
  readonly process?: { readonly getBuiltinModule?: (name: string) => Crypto | undefined };
}

/** That of Node, which answers at once, where that is what we run on. Nothing is imported: bundles for browsers know nothing of it. */
export function nativeCipher(): Cipher | undefined {
  const crypto = (globalThis as Runtime).process?.getBuiltinModule?.('node:crypto');
  return crypto && typeof crypto.hkdfSync === 'function' ? cipherOf(crypto) : undefined;
}

function cipherOf(crypto: Crypto): Cipher {
  return {
    derive: (secret, info) => new Uint8Array(crypto.hkdfSync('sha256', secret, new Uint8Array(), info, 32)),
    safe: (key) => safeOf(crypto, crypto.createSecretKey(key)),
  };
}

/** Without this length, Node would take a tag of 4 bytes, too. */
const OPTIONS = { authTagLength: TAG };

function safeOf({ createCipheriv, createDecipheriv }: Crypto, key: object): Safe {
  return {
    seal(nonce, label, content) {
      const cipher = createCipheriv('aes-256-gcm', key, nonce, OPTIONS);
      cipher.setAAD(label);
      // Nothing is left for `final` to give: it only makes the tag.
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
      // Not a Buffer: codecs make other things of those.
      return new Uint8Array(buffer, byteOffset, length);
    },
  };
}
