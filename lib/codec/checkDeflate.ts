import { type BitReader, bitReader } from './bitReader.js';
import { type HuffmanCode, huffmanCode } from './huffmanCode.js';

/** The codes of a block: of literals and lengths, and of distances. */
type Codes = readonly [HuffmanCode, HuffmanCode];

/** The order of the lengths that describe the codes of a block (RFC 1951, 3.2.7). */
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
const END_OF_BLOCK = 256;
/**
 * The entries of all tables that fflate makes of codes, at most: these, and more for each byte of
 * the content. An encoder needs fewer: a code has 15 bits only if its block has 1,597 symbols or
 * more (a Fibonacci number), so the two tables of a block have at most 41 entries for each symbol.
 */
const FREE_ENTRIES = 1_048_576;
const ENTRIES_PER_BYTE = 64;

/**
 * Checks a deflate stream (RFC 1951) as strictly as zlib, without making its content. This takes
 * time in proportion to the length of the stream and to `size`, and no memory.
 *
 * @param size The size of the content.
 * @throws {Error} If the stream is invalid, ends before or after its last byte, or has a content of
 *   another size. Also if its codes are so long that fflate would take much more time for it than
 *   for the stream of an encoder.
 */
export function checkDeflate(stream: Uint8Array, size: number): void {
  const reader = bitReader(stream);
  let written = 0;
  let entries = 0;
  const write = (bytes: number): void => {
    written += bytes;
    if (written > size) throw new Error('a wrong size');
  };

  const readContent = ([literals, distances]: Codes): void => {
    for (;;) {
      const symbol = reader.symbolOf(literals);
      if (symbol === END_OF_BLOCK) return;
      if (symbol < END_OF_BLOCK) write(1);
      else {
        const length = readLength(reader, symbol);
        if (readDistance(reader, distances) > written) throw new Error('a distance too far back');
        write(length);
      }
    }
  };

  for (let isLast = false; !isLast;) {
    isLast = reader.take(1) === 1;
    const type = reader.take(2);
    if (type === 0) write(skipStored(reader));
    else if (type === 1) readContent(fixedCodes());
    else if (type === 2) {
      const codes = readCodes(reader);
      entries += codes[0].tableSize + codes[1].tableSize;
      if (entries > FREE_ENTRIES + ENTRIES_PER_BYTE * written) throw new Error('too many codes for its content');
      readContent(codes);
    } else throw new Error('an invalid block');
  }
  if (reader.rest() !== 0) throw new Error(reader.rest() > 0 ? 'bytes after the end' : 'unexpected end');
  if (written < size) throw new Error('a wrong size');
}

/** Returns the size of a block without codes. */
function skipStored(reader: BitReader): number {
  reader.align();
  const size = reader.take(16);
  if (size !== (reader.take(16) ^ 0xffff)) throw new Error('an invalid size of a block');
  reader.skip(size);
  return size;
}

function readLength(reader: BitReader, symbol: number): number {
  const index = symbol - END_OF_BLOCK - 1;
  if (index > 28) throw new Error('an invalid length');
  if (index === 28) return 258;
  if (index < 8) return 3 + index;
  const bits = (index >> 2) - 1;
  return 3 + ((4 + (index & 3)) << bits) + reader.take(bits);
}

function readDistance(reader: BitReader, code: HuffmanCode): number {
  const index = reader.symbolOf(code);
  if (index > 29) throw new Error('an invalid distance');
  if (index < 4) return 1 + index;
  const bits = (index >> 1) - 1;
  return 1 + ((2 + (index & 1)) << bits) + reader.take(bits);
}

function readCodes(reader: BitReader): Codes {
  const literals = reader.take(5) + 257;
  const distances = reader.take(5) + 1;
  if (literals > 286 || distances > 30) throw new Error('too many symbols');
  const ofLengths = new Uint8Array(19);
  for (const index of ORDER.slice(0, reader.take(4) + 4)) ofLengths[index] = reader.take(3);
  const code = huffmanCode(ofLengths);
  const lengths = new Uint8Array(literals + distances);
  for (let index = 0; index < lengths.length;) {
    const symbol = reader.symbolOf(code);
    if (symbol < 16) lengths[index++] = symbol;
    else {
      const repeats = symbol === 16 ? 3 + reader.take(2) : symbol === 17 ? 3 + reader.take(3) : 11 + reader.take(7);
      const repeated = symbol === 16 ? lengths[index - 1] : 0;
      if (repeated === undefined || index + repeats > lengths.length) throw new Error('an invalid repeat');
      lengths.fill(repeated, index, (index += repeats));
    }
  }
  if (lengths[END_OF_BLOCK] === 0) throw new Error('a block without an end');
  return [huffmanCode(lengths.subarray(0, literals)), huffmanCode(lengths.subarray(literals))];
}

/** Created when they are first used. */
let fixed: Codes | undefined;

function fixedCodes(): Codes {
  return (fixed ??= [
    huffmanCode(new Uint8Array(288).fill(8).fill(9, 144, 256).fill(7, 256, 280)),
    huffmanCode(new Uint8Array(32).fill(5)),
  ]);
}
