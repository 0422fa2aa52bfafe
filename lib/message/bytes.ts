/** Created when it is first used: the package must load where there is no `TextEncoder`. */
let encoder: TextEncoder | undefined;
/** Longer texts are measured in parts. */
const scratch = /* @__PURE__ */ new Uint8Array(16_384);

/** Returns the size of text as UTF-8, or of bytes: `encodeInto` is faster than a loop. */
export function byteLength(data: string | Uint8Array): number {
  if (typeof data !== 'string') return data.length;
  encoder ??= new TextEncoder();
  let size = 0;
  for (let at = 0; at < data.length;) {
    const { read, written } = encoder.encodeInto(at > 0 ? data.slice(at) : data, scratch);
    at += read;
    size += written;
  }
  return size;
}

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((size, { length }) => size + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** The maximum number of arguments in one call; some engines support no more. */
const CHUNK = 8_192;

/** Encodes bytes as base64. */
export function toBase64(bytes: Uint8Array): string {
  let binary = '';
  for (let start = 0; start < bytes.length; start += CHUNK) binary += String.fromCharCode(...bytes.subarray(start, start + CHUNK));
  return btoa(binary);
}

/**
 * Decodes base64.
 *
 * @throws {DOMException} `InvalidCharacterError`, if the text is not base64.
 */
export function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
