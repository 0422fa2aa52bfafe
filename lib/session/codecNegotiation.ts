import type { Codec } from '../codec/codec.js';

/** The maximum number of codecs in a hello. */
const MAX_CODECS = 16;

/**
 * @throws {TypeError} When the codecs cannot be negotiated. An attacker that changes the hello must
 *   not be able to select an unsealed codec.
 */
export function checkCodecs(owner: string, codecs: readonly Codec[]): void {
  const { length } = codecs;
  const sealed = codecs.filter(({ isSealed }) => isSealed).length;
  if (!length || length > MAX_CODECS || new Set(codecs.map(({ name }) => name)).size < length || (sealed && sealed < length))
    throw new TypeError(`${owner}: expected 1 to ${MAX_CODECS} codecs with different names, all sealed or none`);
}
