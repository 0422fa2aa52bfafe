import { concat } from '../../internal/concat.js';
import { NONCE, TAG } from './cipher.js';

/** AES-256-GCM, and all that docs/codecs.md says of how it is used. */
const VERSION = 1;

/** Bytes before the name of the key. */
const FIXED = 3;

/** What kind of frame was sealed. */
export const TEXT = 0;
export const BYTES = 1;

/** What can be read of something sealed, and what cannot. */
export interface Sealed {
  /** `TEXT`, of which the UTF-8 was sealed, or `BYTES`. */
  readonly kind: number;
  /** Names the key. */
  readonly key: string;
  readonly nonce: Uint8Array;
  /** Ciphertext and tag. */
  readonly body: Uint8Array;
}

/** `version | kind | length of the name | name of the key | nonce | ciphertext | tag` */
export function pack({ kind, key, nonce }: Omit<Sealed, 'body'>, body: readonly Uint8Array[]): Uint8Array {
  return concat([Uint8Array.of(VERSION, kind, key.length), utf8(key), nonce, ...body]);
}

/** @throws What `refused` makes of the reason. */
export function unpack(bytes: string | Uint8Array, refused: (reason: string) => Error): Sealed {
  if (typeof bytes === 'string') throw refused('a text');
  const [version, kind = 0, length = 0] = bytes;
  if (version !== VERSION) throw refused('not sealed');
  if (kind !== TEXT && kind !== BYTES) throw refused('an unknown kind');
  const start = FIXED + length;
  if (bytes.length < start + NONCE + TAG) throw refused('truncated');
  // What is no ASCII names no key.
  const key = String.fromCharCode(...bytes.subarray(FIXED, start));
  return { kind, key, nonce: bytes.subarray(start, start + NONCE), body: bytes.subarray(start + NONCE) };
}

/** What kind of frame it is, and its bytes. */
export function contentOf(frame: string | Uint8Array): Pick<Sealed, 'kind'> & { readonly content: Uint8Array } {
  return typeof frame === 'string' ? { kind: TEXT, content: utf8(frame) } : { kind: BYTES, content: frame };
}

export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
