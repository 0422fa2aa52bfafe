import fc from 'fast-check';
import { ENVELOPE_VERSION, isName } from '../../lib/message/messageLimits.js';
import { MessagePriority } from '../../lib/message/messagePriority.js';
import type { Message } from '../../lib/message/types.js';
import { codePoint } from '../support/codePoint.js';

/** A message that has everything. */
export const sample = (): Message => ({
  id: 'a1',
  type: 'execution.output',
  timestamp: 1_700_000_000_000,
  version: ENVELOPE_VERSION,
  source: 'server <1>',
  payload: { executionId: 'e1', sandboxId: 's1', data: 'caf\u00e9 \u{1F600} "\\"' },
  target: 'console/1',
  correlationId: 'b2',
  replyTo: 'replies',
  ttl: 5_000,
  priority: MessagePriority.CRITICAL,
  headers: { trace: '42', token: { scopes: ['read', 'write'], expires: 1_700_000_000, issuer: null } },
  metadata: {
    retryCount: 1,
    maxRetries: 3,
    deliveryTag: '7',
    routingKey: 'a.b',
    persistent: true,
    compressed: false,
    encrypted: false,
    tenant: 'eu',
    route: ['a', { hop: 2, isLast: true }],
  },
});

/** Arrays within arrays, `levels` deep. */
export const nested = (levels: number): unknown => (levels === 0 ? null : [nested(levels - 1)]);

/** What no codec carries. */
export const faults: Readonly<Record<string, () => unknown>> = {
  'a cycle': () => {
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    return cycle;
  },
  'a Map': () => new Map([[1, 2]]),
  'a Set': () => new Set([1]),
  'a RegExp': () => /a/,
  'an Error': () => new Error('a'),
  'a Promise': () => Promise.resolve(),
  'a function': () => () => 1,
  'a symbol': () => Symbol('a'),
  'an invalid Date': () => new Date(NaN),
  'an ArrayBuffer': () => new ArrayBuffer(8),
  'a Float64Array': () => new Float64Array(1),
  'a DataView': () => new DataView(new ArrayBuffer(8)),
  'a BigInt of 65 bits': () => 2n ** 64n,
  'a URL': () => new URL('http://127.0.0.1/'),
  'an object of a class with a toJSON': () =>
    new (class {
      toJSON(): string {
        return 'a';
      }
    })(),
};

const text = fc.string({ unit: codePoint, minLength: 1, maxLength: 128 });
const label = fc.string({ unit: 'grapheme', maxLength: 60 }).filter(isName);
const name = label.filter((value) => value !== '');
const count = fc.nat();
// The sign of -0 does not travel.
const number = (min: number): fc.Arbitrary<number> => fc.double({ min, noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);

/** JSON values; msgpackr reads a key `__proto__` under another name. */
const jsonValue = fc
  .jsonValue({ maxDepth: 3 })
  .filter((value) => !JSON.stringify(value).includes('__proto__') && JSON.stringify(value).length < 500)
  .map((value) => JSON.parse(JSON.stringify(value)) as unknown);
const fields = fc.dictionary(
  name.filter(
    (key) =>
      key !== '__proto__' &&
      !['retryCount', 'maxRetries', 'deliveryTag', 'routingKey', 'persistent', 'compressed', 'encrypted'].includes(key),
  ),
  fc.oneof(fc.string({ unit: codePoint, maxLength: 20 }), jsonValue),
  { maxKeys: 10 },
);

/** Any message that is one. */
export const messages = (payload: fc.Arbitrary<unknown>): fc.Arbitrary<Message> =>
  fc.record(
    {
      id: text,
      type: name,
      timestamp: number(0),
      version: fc.oneof(fc.constant(ENVELOPE_VERSION), name),
      source: label,
      payload,
      target: label,
      correlationId: text,
      replyTo: label,
      ttl: number(0),
      priority: fc.constantFrom(...Object.values(MessagePriority)),
      headers: fields,
      metadata: fc
        .tuple(
          fields,
          fc.record(
            {
              retryCount: count,
              maxRetries: count,
              deliveryTag: text,
              routingKey: text,
              persistent: fc.boolean(),
              compressed: fc.boolean(),
              encrypted: fc.boolean(),
            },
            { requiredKeys: [] },
          ),
        )
        .map(([others, known]) => ({ ...others, ...known })),
    },
    { requiredKeys: ['id', 'type', 'timestamp', 'version', 'source', 'payload'] },
  );
