/** A code of which the bits come one by one, the first one of each code being the highest. */
export interface Huffman {
  /** How many codes have 0, 1, 2 … 15 bits. */
  readonly counts: Uint16Array;
  /** The symbols in the order of their codes. */
  readonly symbols: Uint16Array;
  /** By the next 9 bits, where these hold a whole code: the symbol, times 16, and how many bits it takes. Made when it is worth it. */
  quick?: Uint16Array;
  /** How many symbols have been read. */
  uses: number;
}

const QUICK_BITS = 9;
export const QUICK_MASK = (1 << QUICK_BITS) - 1;

/**
 * The code that has these lengths.
 *
 * @param canBeOne Whether a single code of one bit will do.
 * @throws {Error} When there is none, or when some bits would mean nothing.
 */
export function huffmanOf(lengths: Uint8Array, canBeOne = true): Huffman {
  const counts = new Uint16Array(16);
  for (const length of lengths) counts[length] = (counts[length] as number) + 1;
  /** Where the symbols of each length begin. */
  const places = new Uint16Array(17);
  let room = 1;
  for (let bits = 1; bits < 16; bits++) {
    places[bits + 1] = (places[bits] as number) + (counts[bits] as number);
    room = 2 * room - (counts[bits] as number);
    if (room < 0) throw new Error('an impossible code');
  }
  const used = lengths.length - (counts[0] as number);
  if (room > 0 && used > 0 && !(canBeOne && used === counts[1])) throw new Error('an incomplete code');

  const symbols = new Uint16Array(used);
  for (let symbol = 0; symbol < lengths.length; symbol++) {
    const bits = lengths[symbol] as number;
    if (bits === 0) continue;
    const place = places[bits] as number;
    symbols[place] = symbol;
    places[bits] = place + 1;
  }
  return { counts, symbols, uses: 0 };
}

/** The table that `quick` is. */
export function quickOf({ counts, symbols }: Huffman): Uint16Array {
  const quick = new Uint16Array(1 << QUICK_BITS);
  let code = 0;
  let index = 0;
  for (let bits = 1; bits <= QUICK_BITS; bits++, code <<= 1) {
    for (let left = counts[bits] as number; left > 0; left--, code++) {
      const entry = ((symbols[index++] as number) << 4) | bits;
      for (let at = reversed(code, bits); at < quick.length; at += 1 << bits) quick[at] = entry;
    }
  }
  return quick;
}

/** The same as an entry of `quick`, bit by bit, for the next 15 bits; 0 when there is no such code. */
export function lookUp({ counts, symbols }: Huffman, next: number): number {
  let code = 0;
  let first = 0;
  let index = 0;
  for (let bits = 1; bits < 16; bits++) {
    const ofLength = counts[bits] as number;
    code = 2 * code + ((next >> (bits - 1)) & 1);
    first *= 2;
    if (code - first < ofLength) return ((symbols[index + code - first] as number) << 4) | bits;
    index += ofLength;
    first += ofLength;
  }
  return 0;
}

function reversed(code: number, bits: number): number {
  let result = 0;
  for (let bit = 0; bit < bits; bit++) result |= ((code >> bit) & 1) << (bits - 1 - bit);
  return result;
}
