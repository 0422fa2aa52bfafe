import type { Codec } from '../codec/codec.js';
import { ProtocolError } from '../errors.js';

/** The codecs of one side, and the one that both sides have agreed on. */
export interface NegotiatedCodec {
  readonly current: Codec;
  /** Returns all codecs, the current one first. */
  readonly offered: () => readonly Codec[];
  /**
   * Selects the codec with this name. Returns whether the current codec has changed.
   *
   * @throws {ProtocolError} When there is no such codec.
   */
  choose(name: string): boolean;
}

/** @param codecs The codecs, the best first. */
export function createNegotiatedCodec(codecs: readonly Codec[]): NegotiatedCodec {
  const [best] = codecs as readonly [Codec];
  const negotiated = {
    current: best,
    offered: () => [negotiated.current, ...codecs.filter((one) => one !== negotiated.current)],
    choose(name: string) {
      const before = negotiated.current;
      const found = codecs.find((one) => one.name === name);
      if (!found) throw new ProtocolError('the codec was not offered');
      negotiated.current = found;
      return found !== before;
    },
  };
  return negotiated;
}

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
