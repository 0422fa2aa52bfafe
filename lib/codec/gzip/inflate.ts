import { createBitReader, type BitReader } from './bitReader.js';
import { huffmanOf, type Huffman } from './huffman.js';

/** The maximum ratio of content to deflate stream. */
const MAX_RATIO = 1_032;
/** The order of the code lengths of the code-length alphabet (RFC 1951, 3.2.7). */
const CODE_LENGTH_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

interface HuffmanCodes {
  readonly literals: Huffman;
  readonly distances: Huffman;
}

/**
 * Decompresses a deflate stream (RFC 1951) of known size. Returns the content and the end of the
 * stream in `input`.
 *
 * fflate's inflate is not safe for hostile input: it checks neither checksum nor end, and 60 kB of
 * blocks that contain only code descriptions keep it busy for a second.
 *
 * @throws {Error} With the reason as its message.
 */
export function inflate(input: Uint8Array, size: number): { readonly content: Uint8Array; readonly end: number } {
  const bits = createBitReader(input);
  const content = new Uint8Array(Math.min(size, input.length * MAX_RATIO));
  let at = 0;
  let fixed: HuffmanCodes | undefined;

  for (let isLast = false; !isLast;) {
    isLast = bits.take(1) === 1;
    const blockType = bits.take(2);
    if (blockType === 0) at = copyStored(bits, content, at);
    else if (blockType === 1) at = inflateBlock(bits, (fixed ??= fixedCodes()), content, at);
    else if (blockType === 2) at = inflateBlock(bits, readDynamicCodes(bits), content, at);
    else throw new Error('an unknown kind of block');
  }
  if (at !== size) throw new Error('a wrong size');
  return { content, end: bits.position() };
}

function copyStored(bits: BitReader, content: Uint8Array, at: number): number {
  const bytes = bits.bytes(() => {
    const length = bits.take(16);
    if ((bits.take(16) ^ length) !== 0xffff) throw new Error('a wrong length');
    return length;
  });
  if (at + bytes.length > content.length) throw new Error('a wrong size');
  content.set(bytes, at);
  return at + bytes.length;
}

function inflateBlock(bits: BitReader, { literals, distances }: HuffmanCodes, content: Uint8Array, start: number): number {
  let at = start;
  for (;;) {
    const symbol = bits.symbol(literals);
    if (symbol === 256) return at;
    if (symbol < 256) {
      if (at === content.length) throw new Error('a wrong size');
      content[at++] = symbol;
      continue;
    }
    const length = lengthOf(bits, symbol - 257);
    const distance = distanceOf(bits, bits.symbol(distances));
    if (distance > at) throw new Error('a distance that is too far');
    const end = at + length;
    if (end > content.length) throw new Error('a wrong size');
    // Byte by byte, because source and target may overlap.
    for (; at < end; at++) content[at] = content[at - distance] as number;
  }
}

/**
 * 3 to 258, in groups of four, each with one more extra bit than the one before; the last code
 * stands alone.
 */
function lengthOf(bits: BitReader, code: number): number {
  if (code > 28) throw new Error('an unknown length');
  if (code === 28) return 258;
  if (code < 8) return code + 3;
  const extra = (code >> 2) - 1;
  return (((code & 3) + 4) << extra) + 3 + bits.take(extra);
}

/** 1 to 32,768, in groups of two. */
function distanceOf(bits: BitReader, code: number): number {
  if (code > 29) throw new Error('an unknown distance');
  if (code < 4) return code + 1;
  const extra = (code >> 1) - 1;
  return (((code & 1) + 2) << extra) + 1 + bits.take(extra);
}

function fixedCodes(): HuffmanCodes {
  const literals = new Uint8Array(288).fill(8).fill(9, 144, 256).fill(7, 256, 280);
  return { literals: huffmanOf(literals), distances: huffmanOf(new Uint8Array(32).fill(5)) };
}

function readDynamicCodes(bits: BitReader): HuffmanCodes {
  const literals = bits.take(5) + 257;
  const distances = bits.take(5) + 1;
  const known = bits.take(4) + 4;
  if (literals > 286 || distances > 30) throw new Error('too many codes');
  const lengths = new Uint8Array(19);
  for (const place of CODE_LENGTH_ORDER.slice(0, known)) lengths[place] = bits.take(3);
  const all = readLengths(bits, huffmanOf(lengths, false), literals + distances);
  if (all[256] === 0) throw new Error('a block without an end');
  return { literals: huffmanOf(all.subarray(0, literals)), distances: huffmanOf(all.subarray(literals)) };
}

function readLengths(bits: BitReader, code: Huffman, count: number): Uint8Array {
  const lengths = new Uint8Array(count);
  for (let at = 0; at < count;) {
    const symbol = bits.symbol(code);
    if (symbol < 16) {
      lengths[at++] = symbol;
      continue;
    }
    if (symbol === 16 && at === 0) throw new Error('a repeat of nothing');
    const value = symbol === 16 ? (lengths[at - 1] as number) : 0;
    const end = at + (symbol === 16 ? 3 + bits.take(2) : symbol === 17 ? 3 + bits.take(3) : 11 + bits.take(7));
    if (end > count) throw new Error('too many lengths');
    lengths.fill(value, at, end);
    at = end;
  }
  return lengths;
}
