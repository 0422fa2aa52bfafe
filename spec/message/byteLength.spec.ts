import { byteLength } from '../../lib/message/bytes.js';

describe('byteLength', () => {
  it.each([
    ['', 0],
    ['a', 1],
    ['ä', 2],
    ['漢', 3],
    ['😀', 4],
    ['\ud83d', 3],
    ['\ude00\ud83d', 6],
  ])('returns the size of %j as UTF-8: %i', (text, size) => {
    expect(byteLength(text)).toBe(size);
  });

  it('returns the size of texts that are longer than its buffer, whatever is at its end', () => {
    for (const text of ['a', 'ä', '漢', '😀', 'a😀', 'aa漢'].map((part) => part.repeat(20_000)))
      expect(byteLength(text)).toBe(Buffer.byteLength(text));
  });

  it('returns the size of bytes', () => {
    expect(byteLength(new Uint8Array(7))).toBe(7);
  });
});
