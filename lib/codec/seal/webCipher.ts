import { defer, map } from 'rxjs';
import type { Cipher, AeadKey } from './cipher.js';

/** Undefined in pages that were loaded neither by HTTPS nor from localhost. */
export function platformSubtle(): SubtleCrypto | undefined {
  return (globalThis as { readonly crypto?: { readonly subtle?: SubtleCrypto } }).crypto?.subtle;
}

/** Returns the asynchronous cipher of browsers. */
export function webCipher(): Cipher | undefined {
  const subtle = platformSubtle();
  return (
    subtle && {
      derive: (secret, info) => defer(() => derive(subtle, secret, info)).pipe(map(bytesOf)),
      importKey: (key) =>
        defer(() => subtle.importKey('raw', unshared(key), 'AES-GCM', false, ['encrypt', 'decrypt'])).pipe(
          map((made) => aeadKeyOf(subtle, made)),
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

function aeadKeyOf(subtle: SubtleCrypto, key: CryptoKey): AeadKey {
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
