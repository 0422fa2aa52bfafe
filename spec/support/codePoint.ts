import fc from 'fast-check';

const SURROGATES = { first: 0xd800, count: 0x800 };

/**
 * Any code point of Unicode but surrogates, as `unit` of `fc.string`. It gives the strings that `unit: 'binary'` gives. That one builds
 * a table of all 1.1 million code points in each suite: a second, and 130 MB.
 */
export const codePoint: fc.Arbitrary<string> = fc.integer({ min: 0, max: 0x10_ffff - SURROGATES.count }).map(
  (index) => String.fromCodePoint(index < SURROGATES.first ? index : index + SURROGATES.count),
  (text) => {
    const code = typeof text === 'string' ? text.codePointAt(0) : undefined;
    if (code === undefined || text !== String.fromCodePoint(code)) throw new Error('not one code point');
    return code < SURROGATES.first ? code : code - SURROGATES.count;
  },
);
