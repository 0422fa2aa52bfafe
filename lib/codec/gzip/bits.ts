import { lookUp, QUICK_MASK, quickOf, type Huffman } from './huffman.js';

/** Symbols after which a table pays. Blocks with fewer, of which a stream can have many, get none. */
const MANY = 64;

/** Reads a stream bit by bit. */
export interface Bits {
  /** The next bits as a number, 16 at most. */
  take(count: number): number;
  /** The next symbol of a code. */
  symbol(code: Huffman): number;
  /** The next bytes, from the start of the next whole one on. */
  bytes(count: () => number): Uint8Array;
  /** How many bytes are read, the last one perhaps in part. */
  position(): number;
}

/** All of them throw `truncated` where there is no more. */
export function readBits(input: Uint8Array): Bits {
  let at = 0;
  let held = 0;
  let count = 0;

  const fill = (wanted: number): void => {
    while (count < wanted && at < input.length) {
      held |= (input[at++] as number) << count;
      count += 8;
    }
  };
  const drop = (bits: number): void => {
    if (bits > count) throw new Error('truncated');
    held >>>= bits;
    count -= bits;
  };
  const take = (bits: number): number => {
    fill(bits);
    const value = held & ((1 << bits) - 1);
    drop(bits);
    return value;
  };

  return {
    take,
    symbol(huffman) {
      fill(15);
      if (!huffman.quick && ++huffman.uses > MANY) huffman.quick = quickOf(huffman);
      const entry = huffman.quick?.[held & QUICK_MASK] || lookUp(huffman, held);
      if (entry === 0) throw new Error(count < 15 ? 'truncated' : 'an unknown code');
      drop(entry & 15);
      return entry >> 4;
    },
    bytes(size) {
      drop(count & 7);
      const length = size();
      at -= count >> 3;
      held = count = 0;
      if (at + length > input.length) throw new Error('truncated');
      at += length;
      return input.subarray(at - length, at);
    },
    position: () => at - (count >> 3),
  };
}
