/** More arguments than this at once are too many for some engines. */
const CHUNK = 8_192;

/** Bytes as text that any channel carries. */
export function toBase64(bytes: Uint8Array): string {
  let binary = '';
  for (let start = 0; start < bytes.length; start += CHUNK) binary += String.fromCharCode(...bytes.subarray(start, start + CHUNK));
  return btoa(binary);
}

/**
 * Bytes again.
 *
 * @throws {DOMException} `InvalidCharacterError`, when it is no base64.
 */
export function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
