import { createRequire } from 'node:module';
import { msgpack } from '../../lib/codec/msgpack.js';
import { DecodeError } from '../../lib/message/errors.js';
import { createMessage } from '../../lib/message/createMessage.js';

/** One value, and all the ways in which it may be encoded. */
interface Case {
  readonly msgpack: readonly string[];
  readonly [kind: string]: unknown;
}

/** https://github.com/kawanet/msgpack-test-suite: what implementations of MessagePack check themselves with. */
const suite = createRequire(import.meta.url)('msgpack-test-suite') as Readonly<Record<string, readonly Case[]>>;

const around = (hex: string): Uint8Array => new Uint8Array(Buffer.from(`9196a161a16100a3312e30a0${hex.replaceAll('-', '')}`, 'hex'));
const payloadOf = (hex: string): unknown => msgpack().decode(around(hex))[0]?.payload;

function meant({ nil, bool, binary, number, bignum, string, array, map, timestamp }: Case): unknown {
  if (nil === null) return null;
  if (bignum !== undefined) return Number.isSafeInteger(Number(bignum)) ? Number(bignum) : BigInt(bignum as string);
  if (binary !== undefined) return new Uint8Array(Buffer.from((binary as string).replaceAll('-', ''), 'hex'));
  if (timestamp !== undefined) {
    const [seconds, nanoseconds] = timestamp as readonly [number, number];
    return new Date(seconds * 1_000 + nanoseconds / 1e6);
  }
  return bool ?? number ?? string ?? array ?? map;
}

describe('msgpack and the published test suite', () => {
  const { '60.ext.yaml': extensions, ...known } = suite;

  it.each(Object.entries(known))('reads %s', (_, cases) => {
    expect(cases.length).toBeGreaterThan(0);
    for (const one of cases) {
      for (const hex of one.msgpack) {
        const payload = payloadOf(hex);
        // Of a large integer the float is another way to say it.
        if (typeof payload === 'number' && one['bignum'] !== undefined) expect(BigInt(payload)).toBe(BigInt(one['bignum'] as string));
        else expect(payload).toEqual(meant(one));
      }
    }
  });

  it('writes what the suite has, too', () => {
    const encoded = (value: unknown): string => Buffer.from(msgpack().encode([createMessage('a', value)]) as Uint8Array).toString('hex');
    for (const one of Object.values(known).flat()) {
      const value = meant(one);
      // Nanoseconds are more than a Date has.
      if (value === null || (value instanceof Date && (one['timestamp'] as readonly number[])[1]! % 1e6 !== 0)) continue;
      const written = encoded(value);
      expect(one.msgpack.some((hex) => written.endsWith(hex.replaceAll('-', '')))).toBe(true);
    }
  });

  it('refuses extensions that it does not know', () => {
    for (const hex of extensions!.flatMap((one) => one.msgpack)) expect(() => payloadOf(hex)).toThrow(DecodeError);
  });
});
