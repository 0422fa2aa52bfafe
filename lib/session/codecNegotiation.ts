import type { Codec } from '../codec/codec.js';
import { ProtocolError } from '../errors.js';

/** Several codecs, of which one is used: the one that both sides have agreed on. */
export interface NegotiatedCodec {
  readonly current: Codec;
  /** All of them, the current one first. */
  readonly offered: () => readonly Codec[];
  /**
   * It is the one of this name from now on. Answers whether it was another one before.
   *
   * @throws {ProtocolError} When there is none.
   */
  choose(name: string): boolean;
}

/** @param codecs The best first. */
export function createNegotiatedCodec(codecs: readonly Codec[]): NegotiatedCodec {
  const [best] = codecs as readonly [Codec];
  const negotiated = {
    current: best,
    offered: () => [negotiated.current, ...codecs.filter((one) => one !== negotiated.current)],
    choose(name: string) {
      const before = negotiated.current;
      const found = codecs.find((one) => one.name === name);
      if (!found) throw new ProtocolError('a codec that was not offered');
      negotiated.current = found;
      return found !== before;
    },
  };
  return negotiated;
}

/** What a hello may offer. */
const MAX_CODECS = 16;

/** @throws {TypeError} When these are no codecs to choose from: whoever can change a hello must not be able to choose that nothing is sealed. */
export function checkCodecs(owner: string, codecs: readonly Codec[]): void {
  const { length } = codecs;
  const sealed = codecs.filter(({ isSealed }) => isSealed).length;
  if (!length || length > MAX_CODECS || new Set(codecs.map(({ name }) => name)).size < length || (sealed && sealed < length))
    throw new TypeError(`${owner}: the codecs must be 1 to ${MAX_CODECS}, of different names, and all sealed or none`);
}
