/** A canonical Huffman code. The first bit of a code is its highest. */
export interface Huffman {
  /** The number of codes with 0, 1, 2 … 15 bits. */
  readonly counts: Uint16Array;
  /** The symbols in the order of their codes. */
  readonly symbols: Uint16Array;
  /**
   * A table by the next 9 bits: if they contain a whole code, the symbol times 16 plus the length
   * of the code. Created when it pays off.
   */
  lookupTable?: Uint16Array;
  /** The number of symbols read so far. */
  uses: number;
}

const LOOKUP_BITS = 9;
export const LOOKUP_MASK = (1 << LOOKUP_BITS) - 1;

/**
 * Creates the Huffman code with these code lengths.
 *
 * @param allowSingle Whether a single code of one bit is valid.
 * @throws {Error} If the lengths form no code, or an incomplete one.
 */
export function huffmanOf(lengths: Uint8Array, allowSingle = true): Huffman {
  const counts = new Uint16Array(16);
  for (const length of lengths) counts[length] = (counts[length] as number) + 1;
  /** The index of the first symbol of each length. */
  const offsets = new Uint16Array(17);
  let free = 1;
  for (let bits = 1; bits < 16; bits++) {
    offsets[bits + 1] = (offsets[bits] as number) + (counts[bits] as number);
    free = 2 * free - (counts[bits] as number);
    if (free < 0) throw new Error('an impossible code');
  }
  const used = lengths.length - (counts[0] as number);
  if (free > 0 && used > 0 && !(allowSingle && used === counts[1])) throw new Error('an incomplete code');

  const symbols = new Uint16Array(used);
  for (let symbol = 0; symbol < lengths.length; symbol++) {
    const bits = lengths[symbol] as number;
    if (bits === 0) continue;
    const place = offsets[bits] as number;
    symbols[place] = symbol;
    offsets[bits] = place + 1;
  }
  return { counts, symbols, uses: 0 };
}

/** Creates the lookup table of a code. */
export function createLookupTable({ counts, symbols }: Huffman): Uint16Array {
  const table = new Uint16Array(1 << LOOKUP_BITS);
  let code = 0;
  let index = 0;
  for (let bits = 1; bits <= LOOKUP_BITS; bits++, code <<= 1) {
    for (let left = counts[bits] as number; left > 0; left--, code++) {
      const entry = ((symbols[index++] as number) << 4) | bits;
      for (let at = reversed(code, bits); at < table.length; at += 1 << bits) table[at] = entry;
    }
  }
  return table;
}

/**
 * Finds an entry of the lookup table bit by bit, from the next 15 bits; 0 if there is no such code.
 */
export function decodeSlowly({ counts, symbols }: Huffman, next: number): number {
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
