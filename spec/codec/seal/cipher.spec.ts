import { type Cipher, nativeCipher, webCipher } from '../../../lib/codec/seal/cipher.js';
import { soon } from '../../support/places.js';
import { gcmVectors, hkdfVectors } from './published.js';

const ciphers: readonly (readonly [string, Cipher])[] = [
  ['Node', nativeCipher()!],
  ['WebCrypto', webCipher()!],
];
const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));
const hex = (...parts: readonly Uint8Array[]): string => Buffer.concat(parts).toString('hex');

describe.each(ciphers)('the cipher of %s', (_, cipher) => {
  it.each(gcmVectors)('seals and opens $name', async ({ key, nonce, label, content, sealed, tag }) => {
    const safe = await soon(() => cipher.importKey(bytes(key)));
    expect(hex(...(await soon(() => safe.seal(bytes(nonce), bytes(label), bytes(content)))))).toBe(sealed + tag);
    expect(hex(await soon(() => safe.open(bytes(nonce), bytes(label), bytes(sealed + tag))))).toBe(content);
  });

  it.each(hkdfVectors)('derives $name', async ({ secret, info, key }) => {
    expect(hex(await soon(() => cipher.derive(bytes(secret), bytes(info))))).toBe(key);
  });

  it('refuses a frame with any changed bit, a truncated and a longer one', async () => {
    const { key, nonce, label, sealed, tag } = gcmVectors[3];
    const safe = await soon(() => cipher.importKey(bytes(key)));
    const good = bytes(sealed + tag);
    const changed = [...good.keys()].map((at) => good.map((byte, index) => (index === at ? byte ^ (1 << (at % 8)) : byte)));
    for (const bad of [
      ...changed,
      good.subarray(0, -1),
      good.subarray(0, 12),
      good.subarray(0, 4),
      bytes(''),
      bytes(`${sealed + tag}00`),
    ]) {
      await expect(soon(() => safe.open(bytes(nonce), bytes(label), bad))).rejects.toThrow();
    }
    await expect(soon(() => safe.open(bytes(nonce), bytes('00'), good))).rejects.toThrow();
    await expect(soon(() => safe.open(bytes(nonce.replace('c', 'd')), bytes(label), good))).rejects.toThrow();
  });

  it('opens the sealed frames of the other side', async () => {
    const [key, nonce, label, content] = ['11'.repeat(32), '22'.repeat(12), '33', '44'.repeat(1_000)].map(bytes) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    for (const [, other] of ciphers) {
      const [ours, theirs] = [await soon(() => cipher.importKey(key)), await soon(() => other.importKey(key))];
      const parts = await soon(() => theirs.seal(nonce, label, content));
      expect(await soon(() => ours.open(nonce, label, bytes(hex(...parts))))).toEqual(content);
    }
  });
});

describe('without any cipher', () => {
  const descriptors = ['process', 'crypto'].map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)!] as const);
  afterEach(() => descriptors.forEach(([name, descriptor]) => Object.defineProperty(globalThis, name, descriptor)));

  it('there is neither the one nor the other', () => {
    for (const [name] of descriptors) Object.defineProperty(globalThis, name, { value: {}, configurable: true });
    expect([nativeCipher(), webCipher()]).toEqual([undefined, undefined]);
  });
});
