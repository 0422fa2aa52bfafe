import type { Codec, CodecLimits } from './codec.js';

/**
 * Creates a codec with limits.
 *
 * @param limits The limits of `decode`.
 * @param make Creates the codec. Its `encode` must reject messages that exceed `sending`.
 */
export function withLimits<L extends CodecLimits, C extends Codec>(limits: L, make: (sending: L) => C, sending = limits): C {
  return {
    ...make(sending),
    limits,
    within(others: CodecLimits) {
      const lower = lowest(sending, others);
      return lower && withLimits(limits, make, lower);
    },
  };
}

/** Returns the lower one of each limit; undefined if none of the others is lower. */
function lowest<L extends CodecLimits>(own: L, others: CodecLimits): L | undefined {
  let lower: L | undefined;
  for (const name of Object.keys(own) as (keyof CodecLimits)[]) {
    const limit = others[name];
    if (limit !== undefined && limit < (own[name] as number)) lower = { ...(lower ?? own), [name]: limit };
  }
  return lower;
}
