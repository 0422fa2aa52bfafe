import type { BatchContext, Codec } from '../codec/codec.js';
import { ProtocolError } from '../errors.js';
import { attempt, type Later } from '../internal/later.js';
import type { Frame } from '../link/link.js';
import type { Message } from '../message/types.js';
import { decodeBody } from './encoding.js';

/** Several codecs that are used as one: the one that both sides have agreed on. */
export interface Negotiable extends Codec {
  /** Their names, its own first. */
  readonly names: () => readonly string[];
  /**
   * It is the one of this name from now on. Answers whether it was another one before.
   *
   * @throws {ProtocolError} When there is none.
   */
  choose(name: string): boolean;
  /** Reads what was stored, by whichever of them can: it is that one from now on. */
  readStored(body: Frame, context: BatchContext): Later<readonly Message[]>;
}

/** @param codecs The best first. */
export function negotiable(codecs: readonly Codec[]): Negotiable {
  let [current] = codecs as readonly [Codec];
  const inOrder = (): readonly Codec[] => [current, ...codecs.filter((one) => one !== current)];

  const readBy = ([one, ...others]: readonly Codec[], body: Frame, context: BatchContext): Later<readonly Message[]> =>
    attempt(
      () => decodeBody(one as Codec, body, context),
      (messages) => {
        current = one as Codec;
        return messages;
      },
      (error) => {
        if (others[0]) return readBy(others, body, context);
        throw error;
      },
    );

  return {
    get name() {
      return current.name;
    },
    get binary() {
      return current.binary;
    },
    isSealed: !!current.isSealed,
    encode: (...given) => current.encode(...given),
    decode: (...given) => current.decode(...given),
    names: () => inOrder().map(({ name }) => name),
    choose(name) {
      const before = current;
      const found = codecs.find((one) => one.name === name);
      if (!found) throw new ProtocolError('a codec that was not offered');
      current = found;
      return found !== before;
    },
    readStored: (body, context) => readBy(inOrder(), body, context),
  };
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
