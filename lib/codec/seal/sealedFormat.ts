import { concatBytes } from '../../internal/concatBytes.js';
import { NONCE, TAG } from './cipher.js';

/** The version of the format that docs/codecs.md describes: AES-256-GCM. */
export const VERSION = 1;

/** The number of bytes before the name of the key. */
export const HEADER_SIZE = 3;

/** The size of the random salt that precedes the ciphertext of a payload, in bytes. */
export const SALT = 16;

/** The kind of the encrypted frame. */
export const TEXT = 0;
export const BYTES = 1;

/** The parts of a sealed frame. */
export interface Sealed {
  /** `TEXT`, encrypted as UTF-8, or `BYTES`. */
  readonly kind: number;
  /** The name of the key. */
  readonly key: string;
  readonly nonce: Uint8Array;
  /** Ciphertext and tag. */
  readonly body: Uint8Array;
}

/** Returns `version | kind | length of the name | name of the key | nonce | ciphertext | tag`. */
export function packSealed({ kind, key, nonce }: Omit<Sealed, 'body'>, body: readonly Uint8Array[]): Uint8Array {
  return concatBytes([Uint8Array.of(VERSION, kind, key.length), utf8(key), nonce, ...body]);
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

/** Returns the kind of a frame, and its bytes. */
export function contentOf(frame: string | Uint8Array): Pick<Sealed, 'kind'> & { readonly content: Uint8Array } {
  return typeof frame === 'string' ? { kind: TEXT, content: utf8(frame) } : { kind: BYTES, content: frame };
}

export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
