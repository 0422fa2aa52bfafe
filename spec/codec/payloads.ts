import fc from 'fast-check';
import { codePoint } from '../support/codePoint.js';

/** What JSON says, and brings back as it was: the sign of -0 does not travel, and keys named __proto__ are removed. */
export const jsonPayload: fc.Arbitrary<unknown> = fc
  .jsonValue({ maxDepth: 5 })
  .map((value): unknown => JSON.parse(JSON.stringify(value)))
  .filter((value) => !JSON.stringify(value).includes('__proto__'));

/** All that MessagePack says, too. */
export const anyPayload: fc.Arbitrary<unknown> = fc
  .letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 5, depthSize: 'small' },
      fc.constantFrom(null, true, false, undefined),
      fc.integer(),
      fc.double().map((value) => value + 0),
      fc.string({ unit: codePoint }),
      fc.date({ noInvalidDate: true }),
      fc.uint8Array(),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
      fc.bigInt({ min: -9n, max: 9n }),
      fc.array(tie('value')),
      fc.array(tie('value')).map((items) => new Set(items)),
      fc
        .array(fc.tuple(fc.oneof(fc.string(), fc.integer(), fc.bigInt({ min: -9n, max: 9n })), tie('value')))
        .map((entries) => new Map(entries)),
      fc.dictionary(
        fc.string({ unit: codePoint }).filter((key) => key !== '__proto__'),
        tie('value'),
      ),
    ),
  }))
  .value.map((value) => value ?? null);
