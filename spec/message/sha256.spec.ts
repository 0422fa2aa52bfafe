import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { sha256 } from '../../lib/message/sha256.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** From FIPS 180-4 and NIST's "Secure Hash Standard Validation System" (SHA256ShortMsg). */
const published: readonly (readonly [name: string, bytes: Uint8Array, digest: string])[] = [
  ['the empty text', Buffer.from(''), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
  ['abc', Buffer.from('abc'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
  [
    '448 bits',
    Buffer.from('abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq'),
    '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
  ],
  [
    '896 bits',
    Buffer.from('abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu'),
    'cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1',
  ],
  ['a million letters a', Buffer.alloc(1_000_000, 'a'), 'cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0'],
  ['one byte', Buffer.from('d3', 'hex'), '28969cdfa74a12c82f3bad960b0b000aca2ac329deea5c2328ebc6f2ba9802c1'],
  ['two bytes', Buffer.from('11af', 'hex'), '5ca7133fa735326081558ac312c620eeca9970d1e70a4b95533d956f072d1f98'],
];

describe('sha256', () => {
  it.each(published)('has the digest that NIST publishes for %s', (_, bytes, digest) => {
    expect(hex(sha256(bytes))).toBe(digest);
  });

  it('has the digest that Node has, for each length around the ends of blocks', () => {
    for (let length = 0; length <= 260; length++) {
      const bytes = Uint8Array.from({ length }, (__, index) => (index * 7 + length) % 256);
      expect(hex(sha256(bytes))).toBe(createHash('sha256').update(bytes).digest('hex'));
    }
  });

  it('has the digest that Node has, for any bytes, also of a part of a buffer', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), fc.nat(10), (bytes, from) => {
        const part = bytes.subarray(from);
        expect(hex(sha256(part))).toBe(createHash('sha256').update(part).digest('hex'));
      }),
    );
  });

  it('leaves the bytes as they are', () => {
    const bytes = Uint8Array.of(1, 2, 3);
    sha256(bytes);
    expect(bytes).toEqual(Uint8Array.of(1, 2, 3));
  });
});
