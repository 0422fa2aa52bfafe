import { decodeSlowly, LOOKUP_MASK, createLookupTable, type Huffman } from './huffman.js';

/**
 * The number of symbols after which a lookup table pays off. Blocks with fewer symbols, of which a
 * stream may have many, get none.
 */
const MIN_USES = 64;

/** Reads a stream bit by bit. All methods throw `truncated` at the end of the input. */
export interface BitReader {
  /** Reads an unsigned integer of at most 16 bits. */
  take(count: number): number;
  /** Reads a symbol of a Huffman code. */
  symbol(code: Huffman): number;
  /** Skips to the next whole byte and reads bytes. */
  bytes(count: () => number): Uint8Array;
  /** Returns the number of bytes read, including a partly read one. */
  position(): number;
}

export function createBitReader(input: Uint8Array): BitReader {
  let at = 0;
  let buffer = 0;
  let count = 0;

  const fill = (required: number): void => {
    while (count < required && at < input.length) {
      buffer |= (input[at++] as number) << count;
      count += 8;
    }
  };
  const drop = (bits: number): void => {
    if (bits > count) throw new Error('truncated');
    buffer >>>= bits;
    count -= bits;
  };
  const take = (bits: number): number => {
    fill(bits);
    const value = buffer & ((1 << bits) - 1);
    drop(bits);
    return value;
  };

  return {
    take,
    symbol(huffman) {
      fill(15);
      if (!huffman.lookupTable && ++huffman.uses > MIN_USES) huffman.lookupTable = createLookupTable(huffman);
      const entry = huffman.lookupTable?.[buffer & LOOKUP_MASK] || decodeSlowly(huffman, buffer);
      if (entry === 0) throw new Error(count < 15 ? 'truncated' : 'an unknown code');
      drop(entry & 15);
      return entry >> 4;
    },
    bytes(size) {
      drop(count & 7);
      const length = size();
      at -= count >> 3;
      buffer = count = 0;
      if (at + length > input.length) throw new Error('truncated');
      at += length;
      return input.subarray(at - length, at);
    },
    position: () => at - (count >> 3),
  };
}
