import type { HuffmanCode } from './huffmanCode.js';

/** Reads bits, the lowest of a byte first, as in RFC 1951. */
export interface BitReader {
  /**
   * Returns the number in the next bits, 16 at most.
   *
   * @throws {Error} If there are fewer.
   */
  take(bits: number): number;
  /**
   * Returns the symbol of the next code.
   *
   * @throws {Error} If there is none.
   */
  symbolOf(code: HuffmanCode): number;
  /** Skips the other bits of a byte that is read in part. */
  align(): void;
  /** Skips whole bytes, when aligned. It may skip more than there are. */
  skip(bytes: number): void;
  /** Returns the number of bytes that are not read, not even in part; negative beyond the end. */
  rest(): number;
}

export function bitReader(bytes: Uint8Array): BitReader {
  let at = 0;
  let held = 0;
  let count = 0;

  /** Reads bytes until there are this many bits, or no more bytes. */
  const fill = (bits: number): void => {
    for (; count < bits && at < bytes.length; count += 8) held |= (bytes[at++] ?? 0) << count;
  };
  const drop = (bits: number): void => {
    held >>>= bits;
    count -= bits;
  };

  return {
    take(bits) {
      fill(bits);
      if (count < bits) throw new Error('unexpected end');
      const value = held & ((1 << bits) - 1);
      drop(bits);
      return value;
    },
    symbolOf({ counts, symbols }) {
      fill(15);
      let code = 0;
      let first = 0;
      let index = 0;
      for (let length = 1; length <= count && length < 16; length++) {
        code |= (held >> (length - 1)) & 1;
        const some = counts[length] ?? 0;
        if (code < first + some) {
          drop(length);
          return symbols[index + code - first] ?? 0;
        }
        index += some;
        first = (first + some) << 1;
        code <<= 1;
      }
      throw new Error('an invalid code');
    },
    align() {
      at -= count >> 3;
      held = count = 0;
    },
    skip(some) {
      at += some;
    },
    rest: () => bytes.length - at + (count >> 3),
  };
}
