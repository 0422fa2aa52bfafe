import type { MaybeAsync } from '../../internal/maybeAsync.js';

/** The sizes in bytes of a nonce, and of the tag that follows the ciphertext. */
export const NONCE = 12;
export const TAG = 16;

export const randomBytes = (size: number): Uint8Array => crypto.getRandomValues(new Uint8Array(size));

/** An AES-256-GCM key. */
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

/** The cryptography of a runtime. */
export interface Cipher {
  /** Derives a key of 32 bytes for one purpose, by HKDF (RFC 5869) with SHA-256 and no salt. */
  derive(secret: Uint8Array, info: Uint8Array): MaybeAsync<Uint8Array>;
  /** @param key 32 bytes. */
  importKey(key: Uint8Array): MaybeAsync<AeadKey>;
}
