import { DecodeError } from '../errors.js';

/** @throws {DecodeError} If the bytes are not UTF-8. */
export function decodeUtf8(bytes: Uint8Array, codec: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new DecodeError(codec, 'the text is not UTF-8', cause);
  }
}
