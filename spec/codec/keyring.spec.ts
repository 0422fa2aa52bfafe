import { keyring } from '../../lib/codec/keyring.js';

const key = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);

describe('keyring', () => {
  it('has the keys it was given, and those that were added', () => {
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

  it('keeps a copy, so that what it was given can be wiped', () => {
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
