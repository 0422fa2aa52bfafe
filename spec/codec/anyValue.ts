import fc from 'fast-check';
import type { Message } from '../../lib/message/types.js';
import { codePoint } from '../support/codePoint.js';

/** Texts, also with surrogates that are not in pairs. */
const text = fc.oneof(
  { weight: 4, arbitrary: fc.string({ unit: codePoint, maxLength: 12 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('\ud800', '\udc00', 'a\udfff', '\udc00\ud800', '\ufffd', '\ufeff', '\u0000', 'x'.repeat(70_000)),
  },
);

/** Keys: those with a meaning in JavaScript, those that a codec renames, and any other. */
const key = fc.oneof(
  fc.constantFrom(
    '__proto__',
    '__proto_',
    '__proto',
    'constructor',
    'toString',
    'hasOwnProperty',
    'valueOf',
    'length',
    '',
    '0',
    '1',
    '-0',
    'NaN',
  ),
  fc.constantFrom('a', 'b', 'c', '\ud800', '\udc00', '\ufffd', '$typeName', '\u0000'),
  fc.string({ unit: codePoint, maxLength: 4 }),
);

class Point {
  readonly x = 1;
  readonly y = Number.NaN;
}
class Saved {
  toJSON(): unknown {
    return { saved: true };
  }
}

/** Numbers at the borders of their ranges. */
const number = fc.oneof(
  fc.integer(),
  fc.double(),
  fc.constantFrom(
    NaN,
    Infinity,
    -Infinity,
    -0,
    2 ** 31,
    2 ** 32,
    2 ** 53,
    2 ** 53 + 2,
    2 ** 63,
    2 ** 64,
    -(2 ** 63),
    -(2 ** 63) - 2048,
    1e300,
    5e-324,
  ),
);
const bigint = fc.oneof(
  fc.bigInt({ min: -(2n ** 66n), max: 2n ** 66n }),
  fc.constantFrom(
    0n,
    2n ** 53n,
    2n ** 53n + 1n,
    -(2n ** 53n),
    -(2n ** 53n) - 1n,
    2n ** 63n - 1n,
    2n ** 63n,
    -(2n ** 63n),
    -(2n ** 63n) - 1n,
    2n ** 64n - 1n,
    2n ** 64n,
  ),
);
const date = fc.oneof(
  fc.date({ noInvalidDate: false }),
  fc.constantFrom(8.64e15, -8.64e15, -1, 0.5, NaN, 2 ** 34 * 1_000, 2 ** 32 * 1_000).map((time) => new Date(time)),
);

const special = fc.constantFrom<() => unknown>(
  () => undefined,
  () => Symbol('a'),
  () => () => 1,
  () => new Point(),
  () => new Saved(),
  () => /a/,
  () => new Error('a'),
  () => Object(1) as unknown,
  () => Object('a') as unknown,
  () => new Float64Array(1),
  () => new ArrayBuffer(2),
  () => Buffer.from('a'),
  () => Object.assign(Object.create({ inherited: 1 }) as object, { own: 1 }),
  () => Object.defineProperty({}, 'hidden', { value: 1 }),
  () => ({
    get now() {
      return 1;
    },
  }),
  () => ({ toJSON: 1 }),
  () => ({ toJSON: () => 1 }),
  () => Object.assign([1], { toJSON: () => 1 }),
  () => Object.assign([1], { extra: 1 }),
  () => new Array(2) as unknown,
  () => ({ [Symbol('a')]: 1 }),
);

/** An object with these entries, `__proto__` among its own ones. */
const objectOf = (entries: readonly (readonly [string, unknown])[], isPlain: boolean): object => {
  const made = (isPlain ? {} : Object.create(null)) as object;
  for (const [name, value] of entries) Object.defineProperty(made, name, { value, enumerable: true, writable: true, configurable: true });
  return made;
};

const nestedIn = (value: unknown, levels: number, wrap: (inner: unknown) => unknown): unknown => {
  let made = value;
  for (let level = 0; level < levels; level++) made = wrap(made);
  return made;
};

/** Any value that an application may send by mistake or on purpose. */
export const anyValue: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>((tie) => {
  const entries = (shape: fc.Arbitrary<string>): fc.Arbitrary<unknown> =>
    fc.tuple(fc.array(fc.tuple(shape, tie('value')), { maxLength: 6 }), fc.boolean()).map(([list, isPlain]) => objectOf(list, isPlain));
  return {
    value: fc.oneof(
      { maxDepth: 4, depthSize: 'small' },
      { weight: 6, arbitrary: fc.constantFrom(null, true, false, 'a', 1) },
      { weight: 2, arbitrary: number },
      { weight: 3, arbitrary: text },
      bigint,
      date,
      fc.uint8Array({ maxLength: 8 }),
      special.map((make) => make()),
      fc.array(tie('value'), { maxLength: 6 }),
      fc.array(tie('value'), { maxLength: 6 }).map((items) => new Set(items)),
      fc.array(fc.tuple(fc.oneof(key, tie('value')), tie('value')), { maxLength: 6 }).map((list) => new Map(list)),
      entries(key),
      entries(fc.constantFrom('__proto__', '__proto_', 'a')),
      fc
        .tuple(
          tie('value'),
          fc.integer({ min: 28, max: 34 }),
          fc.constantFrom<(inner: unknown) => unknown>(
            (inner) => [inner],
            (inner) => ({ a: inner }),
            (inner) => new Set([inner]),
            (inner) => new Map([['a', inner]]),
            (inner) => new Map([[inner, 'a']]),
          ),
        )
        .map(([inner, levels, wrap]) => nestedIn(inner, levels, wrap)),
    ),
  };
}).value;

const optional = (arbitrary: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 12, arbitrary: fc.constant(undefined) }, arbitrary, fc.constant(null));
const label = fc.oneof(
  { weight: 8, arbitrary: fc.constant('a') },
  fc.constantFrom('a', 'a.b', '', '\ud800', 'x'.repeat(256)),
  fc.string({ unit: codePoint, maxLength: 6 }),
);
const amount = fc.oneof({ weight: 4, arbitrary: fc.nat() }, fc.constantFrom(0, -0, 1e300, Number.MAX_VALUE, 0.5, -1, NaN, 2 ** 53 + 2));
const fields = fc.oneof(
  fc
    .array(fc.tuple(fc.oneof(key, fc.constantFrom('retryCount', 'deliveryTag', 'persistent')), anyValue), { maxLength: 3 })
    .map((list) => objectOf(list, true)),
  fc.record({ retryCount: amount, deliveryTag: label, routingKey: label, persistent: fc.boolean(), x: text }, { requiredKeys: [] }),
);

/** Any message whose fields are of the right kind most of the time, with any payload. */
export const anyMessage = (payload: fc.Arbitrary<unknown> = anyValue, type: fc.Arbitrary<string> = label): fc.Arbitrary<Message> =>
  fc
    .record({
      id: fc.oneof({ weight: 30, arbitrary: fc.constant('a1') }, { weight: 1, arbitrary: label }),
      type: fc.oneof({ weight: 30, arbitrary: fc.constant('a') }, { weight: 1, arbitrary: type }),
      timestamp: fc.oneof({ weight: 20, arbitrary: fc.nat() }, { weight: 1, arbitrary: amount }),
      version: fc.constantFrom('1.0', '1.0', '1.0', '2', '\udc00'),
      source: label,
      payload,
      target: optional(label),
      correlationId: optional(label),
      replyTo: optional(label),
      ttl: optional(amount),
      priority: optional(fc.constantFrom(0, 1, 2, 3, 4, -0, 1.5)),
      headers: optional(fields),
      metadata: optional(fields),
    })
    .map((message) => message as unknown as Message);

/** Payloads whose fields a codec may encode by columns: the same few names in each. */
export const alike: fc.Arbitrary<unknown> = fc
  .array(fc.tuple(fc.constantFrom('a', 'b', '__proto__', '__proto_', '\ud800', '\ufffd'), anyValue), { maxLength: 3 })
  .map((list) => objectOf(list, true));
