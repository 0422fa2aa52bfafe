/** Where the lengths of the lengths stand (RFC 1951, 3.2.7). */
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/**
 * A deflate stream without content: blocks that do nothing but describe two codes, the longest there are, in as few bytes as possible. To read one is
 * much work for its size.
 */
export function describingBlocks(length: number): Uint8Array {
  const bytes: number[] = [];
  let held = 0;
  let count = 0;
  const put = (value: number, bits: number): void => {
    for (let bit = 0; bit < bits; bit++) {
      held |= ((value >> bit) & 1) << count++;
      if (count < 8) continue;
      bytes.push(held);
      held = count = 0;
    }
  };
  const block = (isLast: boolean): void => {
    put(isLast ? 1 : 0, 1);
    put(2, 2);
    put(0, 5); // 257 literals, of which 243 are never used
    put(0, 5); // one distance
    put(15, 4); // all 19 lengths of lengths
    const lengths = ORDER.map((_, symbol) => (symbol === 16 || symbol === 17 ? 0 : symbol < 2 || symbol === 18 ? 3 : symbol < 8 ? 4 : 5));
    for (const symbol of ORDER) put(lengths[symbol]!, 3);
    const codes = canonical(lengths);
    const say = (symbol: number): void => put(...codes[symbol]!);
    say(18);
    put(138 - 11, 7);
    say(18);
    put(103 - 11, 7);
    // 241 zeros, then codes of 15, 15, 14, 13 … 2 and 1 bits: the last one ends the block.
    for (const bits of [15, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]) say(bits);
    say(1);
    put(0, 1);
  };
  while (bytes.length < length) block(false);
  block(true);
  if (count > 0) bytes.push(held);
  return Uint8Array.from(bytes);
}

/** The code of each symbol, its first bit lowest, and its length. */
function canonical(lengths: readonly number[]): readonly (readonly [code: number, bits: number])[] {
  let code = 0;
  const codes = lengths.map((): readonly [number, number] => [0, 0]);
  for (let bits = 1; bits < 16; bits++, code <<= 1) {
    lengths.forEach((length, symbol) => {
      if (length === bits) codes[symbol] = [reversed(code++, bits), bits];
    });
  }
  return codes;
}

function reversed(code: number, bits: number): number {
  return bits === 0 ? 0 : ((code & 1) << (bits - 1)) | reversed(code >> 1, bits - 1);
}
