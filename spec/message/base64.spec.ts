import fc from 'fast-check';
import { fromBase64, toBase64 } from '../../lib/message/bytes.js';

describe('base64', () => {
  it('equals the result of Node', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => expect(toBase64(bytes)).toBe(Buffer.from(bytes).toString('base64'))),
    );
  });

  it('decodes to the encoded bytes, of any length', () => {
    const bytes = Uint8Array.from({ length: 100_003 }, (_, index) => (index * 31) % 256);
    expect(fromBase64(toBase64(bytes))).toEqual(bytes);
  });

  it('refuses invalid text', () => {
    expect(() => fromBase64('@@')).toThrow(DOMException);
  });
});
