import { pbkdf2Sync } from 'node:crypto';
import { firstValueFrom } from 'rxjs';
import { deriveKey } from '../../lib/codec/keyring.js';
import { pbkdf2 } from '../../lib/codec/seal/cipher.js';
import { UnsupportedError } from '../../lib/message/errors.js';
import { pbkdf2Vectors } from './seal/published.js';

const salt = new Uint8Array(16).fill(7);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('deriveKey', () => {
  it.each(pbkdf2Vectors)('derives the published key: $name', async ({ passphrase, salt: text, iterations, key }) => {
    expect(hex(await pbkdf2(crypto.subtle, Buffer.from(passphrase), Buffer.from(text), iterations))).toBe(key);
  });

  it('derives the standard PBKDF2 key, with 600,000 iterations by default', async () => {
    const key = await firstValueFrom(deriveKey('correct horse', salt));
    expect(hex(key)).toBe(pbkdf2Sync('correct horse', salt, 600_000, 32, 'sha256').toString('hex'));
  });

  it('takes two spellings of one letter for the same, and two salts for different ones', async () => {
    const of = async (passphrase: string, salted: Uint8Array): Promise<string> =>
      hex(await firstValueFrom(deriveKey(passphrase, salted, { iterations: 100_000 })));
    expect(await of('caf\u00e9', salt)).toBe(await of('cafe\u0301', salt));
    expect(await of('cafe', salt)).not.toBe(await of('cafe', new Uint8Array(16)));
  });

  it('works when it is subscribed, and not before', () => {
    expect(deriveKey('a', salt).subscribe().closed).toBe(false);
  });

  it.each<[string, () => unknown]>([
    ['an empty passphrase', () => deriveKey('', salt)],
    ['a short salt', () => deriveKey('a', salt.subarray(1))],
    ['too few iterations', () => deriveKey('a', salt, { iterations: 99_999 })],
    ['half an iteration', () => deriveKey('a', salt, { iterations: 100_000.5 })],
    ['too many iterations', () => deriveKey('a', salt, { iterations: 2 ** 31 })],
  ])('refuses %s when called', (_, call) => {
    expect(call).toThrow(RangeError);
  });

  it('says so where there is no WebCrypto', () => {
    const descriptor = Object.getOwnPropertyDescriptor(globalThis, 'crypto')!;
    Object.defineProperty(globalThis, 'crypto', { value: {}, configurable: true });
    expect(() => deriveKey('a', salt)).toThrow(UnsupportedError);
    Object.defineProperty(globalThis, 'crypto', descriptor);
  });
});
