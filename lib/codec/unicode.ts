import { DecodeError, EncodeError } from '../message/errors.js';
import type { Message } from '../message/types.js';

const UNPAIRED = /\p{Surrogate}/u;

/**
 * Returns whether the encoder may have replaced an unpaired surrogate: whether the bytes contain
 * U+FFFD, or a surrogate as some encoders write it. To test each text takes 50 times as long.
 */
export function mayHaveReplaced(bytes: Uint8Array): boolean {
  for (let at = bytes.indexOf(0xed); at >= 0; at = bytes.indexOf(0xed, at + 1)) if ((bytes[at + 1] as number) >= 0xa0) return true;
  for (let at = bytes.indexOf(0xef); at >= 0; at = bytes.indexOf(0xef, at + 1))
    if (bytes[at + 1] === 0xbf && bytes[at + 2] === 0xbd) return true;
  return false;
}

/**
 * Rejects texts that UTF-8 cannot encode: they, or two keys, would arrive as other texts.
 *
 * @throws {EncodeError}
 */
export function assertUnicode(batch: readonly Message[], codec: string): void {
  const index = batch.findIndex(hasUnpaired);
  if (index >= 0) throw new EncodeError(codec, `cannot carry [${index}]: a text with an unpaired surrogate`);
}

export function hasUnpaired(value: unknown): boolean {
  if (typeof value === 'string') return UNPAIRED.test(value);
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return false;
  if (value instanceof Map) return [...value].flat().some(hasUnpaired);
  if (value instanceof Set) return [...value].some(hasUnpaired);
  if (Array.isArray(value)) return value.some(hasUnpaired);
  return Object.entries(value).some(([key, inner]) => hasUnpaired(key) || hasUnpaired(inner));
}

/** @throws {DecodeError} If the bytes are not UTF-8. */
export function decodeUtf8(bytes: Uint8Array, codec: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new DecodeError(codec, 'the text is not UTF-8', cause);
  }
}

export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
