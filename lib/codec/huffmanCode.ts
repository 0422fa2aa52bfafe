/** A canonical Huffman code (RFC 1951, 3.2.2). */
export interface HuffmanCode {
  /** The number of codes of each length. */
  readonly counts: Uint16Array;
  /** The symbols in the order of their codes. */
  readonly symbols: Uint16Array;
  /** The size of a table that has an entry for each value of the longest code. */
  readonly tableSize: number;
}

/**
 * Returns the code whose symbols have these lengths; 0 is a symbol without a code.
 *
 * @throws {Error} If there are fewer codes of these lengths than symbols, or unused ones. A code
 *   may be empty, or have one symbol of one bit.
 */
export function huffmanCode(lengths: Uint8Array): HuffmanCode {
  const counts = new Uint16Array(16);
  for (const length of lengths) counts[length] = (counts[length] ?? 0) + 1;
  const used = lengths.length - (counts[0] ?? 0);
  counts[0] = 0;
  const starts = new Uint16Array(17);
  let unused = 1;
  let tableSize = 1;
  counts.forEach((count, length) => {
    if (length > 0) unused = unused * 2 - count;
    if (unused < 0) throw new Error('too many codes');
    if (count > 0) tableSize = 1 << length;
    starts[length + 1] = (starts[length] ?? 0) + count;
  });
  if (unused > 0 && used > (counts[1] ?? 0)) throw new Error('an incomplete code');
  const symbols = new Uint16Array(used);
  lengths.forEach((length, symbol) => {
    if (length === 0) return;
    const start = starts[length] ?? 0;
    symbols[start] = symbol;
    starts[length] = start + 1;
  });
  return { counts, symbols, tableSize };
}
