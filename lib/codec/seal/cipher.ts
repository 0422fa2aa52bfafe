import type { Later } from '../../internal/later.js';

/** Bytes of a nonce, and of the tag that follows what is sealed. */
export const NONCE = 12;
export const TAG = 16;

/** AES-256-GCM with one key. */
export interface Safe {
  /**
   * What is sealed, and its tag, in as many pieces as come.
   *
   * @param nonce Never one that this key has had before.
   * @param label What is authenticated with it, and does not travel.
   */
  seal(nonce: Uint8Array, label: Uint8Array, content: Uint8Array): Later<readonly Uint8Array[]>;
  /** @throws {Error} When the tag is not that of this key, nonce and label; also delivered. */
  open(nonce: Uint8Array, label: Uint8Array, sealed: Uint8Array): Later<Uint8Array>;
}

/** What a runtime brings along. */
export interface Cipher {
  /** A key of 32 bytes for one purpose, by HKDF (RFC 5869) with SHA-256 and no salt. */
  derive(secret: Uint8Array, info: Uint8Array): Later<Uint8Array>;
  /** @param key 32 bytes. */
  safe(key: Uint8Array): Later<Safe>;
}
