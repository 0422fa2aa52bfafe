import { defer, map } from 'rxjs';
import type { Cipher, Safe } from './cipher.js';

/** Missing in pages that came neither by HTTPS nor from this machine. */
export function subtleHere(): SubtleCrypto | undefined {
  return (globalThis as { readonly crypto?: { readonly subtle?: SubtleCrypto } }).crypto?.subtle;
}

/** That of browsers, which takes its time. */
export function webCipher(): Cipher | undefined {
  const subtle = subtleHere();
  return (
    subtle && {
      derive: (secret, info) => defer(() => derive(subtle, secret, info)).pipe(map(bytesOf)),
      safe: (key) =>
        defer(() => subtle.importKey('raw', own(key), 'AES-GCM', false, ['encrypt', 'decrypt'])).pipe(map((made) => safeOf(subtle, made))),
    }
  );
}

async function derive(subtle: SubtleCrypto, secret: Uint8Array, info: Uint8Array): Promise<ArrayBuffer> {
  const key = await subtle.importKey('raw', own(secret), 'HKDF', false, ['deriveBits']);
  return subtle.deriveBits({ name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(), info: own(info) }, key, 256);
}

/** 32 bytes, by PBKDF2 (RFC 8018) with HMAC-SHA-256. */
export async function pbkdf2(subtle: SubtleCrypto, secret: Uint8Array, salt: Uint8Array, iterations: number): Promise<Uint8Array> {
  const key = await subtle.importKey('raw', own(secret), 'PBKDF2', false, ['deriveBits']);
  return bytesOf(await subtle.deriveBits({ name: 'PBKDF2', hash: 'SHA-256', salt: own(salt), iterations }, key, 256));
}

function safeOf(subtle: SubtleCrypto, key: CryptoKey): Safe {
  const how = (nonce: Uint8Array, label: Uint8Array): AesGcmParams => ({
    ...{ name: 'AES-GCM', iv: own(nonce), additionalData: own(label), tagLength: 128 },
  });
  return {
    seal: (nonce, label, content) =>
      defer(() => subtle.encrypt(how(nonce, label), key, own(content))).pipe(map((bytes) => [bytesOf(bytes)])),
    open: (nonce, label, sealed) => defer(() => subtle.decrypt(how(nonce, label), key, own(sealed))).pipe(map(bytesOf)),
  };
}

/** None of them is of memory that is shared with a worker, which is all that the types are afraid of. */
const own = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => bytes as Uint8Array<ArrayBuffer>;
const bytesOf = (buffer: ArrayBuffer): Uint8Array => new Uint8Array(buffer);
