import type { Codec } from '../codec/codec.js';

/**
 * Returns a codec with another `encode` or `decode`. The codec may be an instance of a class, whose
 * methods a spread would lose.
 */
export function changedCodec(codec: Codec, changes: Partial<Pick<Codec, 'encode' | 'decode'>>): Codec {
  const { name, binary, isSealed, asynchronous, plain, carriesJson, limits } = codec;
  return {
    ...({ name, binary, isSealed, asynchronous, plain, carriesJson, limits } as Codec),
    ...(codec.within && { within: codec.within.bind(codec) }),
    // Keeps the number of the parameters, which says whether the codec uses a context.
    encode: codec.encode.bind(codec),
    decode: codec.decode.bind(codec),
    ...changes,
  };
}
