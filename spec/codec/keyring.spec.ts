import { pbkdf2Sync } from 'node:crypto';
import { firstValueFrom, of } from 'rxjs';
import { decryptPayload, encryptPayload } from '../../lib/operators/payloads/encryptPayload.js';
import { keyring, type FromSecretOptions, type Keyring } from '../../lib/codec/keyring.js';
import { DecryptError } from '../../lib/message/errors.js';
import { createMessage } from '../../lib/message/createMessage.js';

const key = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);

describe('keyring', () => {
  it('contains the given keys and the added ones', () => {
    const keys = keyring({ current: 'a', keys: { a: key(1), b: key(2) } });
    keys.add('c', key(3));
    expect([keys.current, ...['a', 'b', 'c', 'd'].map((name) => keys.get(name)?.[0])]).toEqual(['a', 1, 2, 3, undefined]);
  });

  it('encrypts with another key from then on', () => {
    const keys = keyring({ current: 'a', keys: { a: key(1), b: key(2) } });
    keys.use('b');
    expect(keys.current).toBe('b');
    keys.remove('a');
    expect(keys.get('a')).toBeUndefined();
  });

  it('keeps a copy of a key, so that the caller can wipe the original', () => {
    const given = key(1);
    const keys = keyring({ current: 'a', keys: { a: given } });
    given.fill(0);
    expect(keys.get('a')).toEqual(key(1));
  });

  it('takes no name of Object.prototype for a key', () => {
    const keys = keyring({ current: 'a', keys: { a: key(1) } });
    expect(['__proto__', 'constructor', 'toString'].map((name) => keys.get(name))).toEqual([undefined, undefined, undefined]);
  });

  it.each([16, 31, 33, 0])('refuses a key of %i bytes', (length) => {
    expect(() => keyring({ current: 'a', keys: { a: new Uint8Array(length) } })).toThrow(new RangeError('keyring: key a must be 32 bytes'));
  });

  it('refuses a key that is none', () => {
    expect(() => keyring({ current: 'a', keys: { a: 'x'.repeat(32) as never } })).toThrow(RangeError);
  });

  it('refuses a name that is none, is taken, or is of no key', () => {
    const keys = keyring({ current: 'a', keys: { a: key(1) } });
    expect(() => keys.add('a b', key(2))).toThrow(TypeError);
    expect(() => keys.add('a', key(2))).toThrow(TypeError);
    expect(() => keys.use('b')).toThrow(RangeError);
    expect(() => keys.remove('a')).toThrow(RangeError);
    expect(() => keyring({ current: 'b', keys: { a: key(1) } })).toThrow(RangeError);
    expect(keys.get('a')).toEqual(key(1));
  });
});

describe('keyring.fromSecret', () => {
  const secret = 'a secret text of 34 random letters';
  const fast = { iterations: 100_000 };
  const derived = async (text: string, options: FromSecretOptions = {}): Promise<Keyring> =>
    firstValueFrom(keyring.fromSecret(text, { ...fast, ...options }));

  it('derives a key by PBKDF2, by 600,000 iterations and the salt of the library', async () => {
    const keys = await firstValueFrom(keyring.fromSecret(secret));
    expect(keys.current).toBe('secret');
    expect(Buffer.from(keys.get('secret')!)).toEqual(pbkdf2Sync(secret, 'rxwire keyring 1', 600_000, 32, 'sha256'));
  });

  it('derives the same key on both sides, and another key from another text or salt', async () => {
    const salt = new Uint8Array(16).fill(7);
    const keys = await Promise.all([derived(secret), derived(secret), derived(`${secret}!`), derived(secret, { salt })]);
    const [ours, theirs, ofText, ofSalt] = keys.map((one) => Buffer.from(one.get('secret')!).toString('hex'));
    expect(theirs).toBe(ours);
    expect(new Set([ours, ofText, ofSalt]).size).toBe(3);
  });

  it('lets two sides that have the same secret read each other, and no others', async () => {
    const [ours, theirs, others] = await Promise.all([derived(secret), derived(secret), derived('another secret of 16 letters and more')]);
    const read = (keys: Keyring): Promise<unknown> =>
      firstValueFrom(
        of(createMessage('note.taken', 'mine')).pipe(
          encryptPayload(ours),
          decryptPayload(keys, {
            onError: (error) => {
              throw error;
            },
          }),
        ),
      ).then(({ payload }) => payload);
    expect(await read(theirs)).toBe('mine');
    await expect(read(others)).rejects.toThrow(DecryptError);
  });

  it('gives a keyring whose keys can be changed, with a key of another secret', async () => {
    const [keys, next] = await Promise.all([derived(secret, { name: '2026-03' }), derived(`${secret}!`, { name: '2026-04' })]);
    keys.add(next.current, next.get(next.current)!);
    keys.use('2026-04');
    expect([keys.current, keys.get('2026-03')?.length]).toEqual(['2026-04', 32]);
  });

  it('accepts a short passphrase only with a salt', async () => {
    expect(() => keyring.fromSecret('correct horse')).toThrow(
      new RangeError('keyring: a secret without a "salt" must have 16 characters and more, got 13'),
    );
    expect((await derived('correct horse', { salt: new Uint8Array(16) })).get('secret')).toHaveLength(32);
  });

  it('refuses invalid options when called', () => {
    const salt = new Uint8Array(16);
    expect(() => keyring.fromSecret('', { salt })).toThrow(RangeError);
    expect(() => keyring.fromSecret(secret, { salt: salt.subarray(1) })).toThrow(RangeError);
    expect(() => keyring.fromSecret(secret, { iterations: 1 })).toThrow(RangeError);
    expect(() => keyring.fromSecret(secret, { name: 'a b' })).toThrow(TypeError);
  });
});
