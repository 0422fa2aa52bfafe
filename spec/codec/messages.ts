import fc from 'fast-check';
import { NAME_PATTERN } from '../../lib/message/messageLimits.js';
import { MessagePriority } from '../../lib/message/messagePriority.js';
import type { Message } from '../../lib/message/types.js';

/** A message that has everything. */
export const sample = (): Message => ({
  id: 'a1',
  type: 'execution.output',
  timestamp: 1_700_000_000_000,
  version: 1,
  source: 'server',
  payload: { executionId: 'e1', sandboxId: 's1', data: 'caf\u00e9 \u{1F600} "\\"' },
  target: 'console/1',
  correlationId: 'b2',
  replyTo: 'replies',
  ttl: 5_000,
  priority: MessagePriority.CRITICAL,
  headers: { trace: '42' },
  metadata: {
    retryCount: 1,
    maxRetries: 3,
    deliveryTag: 7,
    routingKey: 'a.b',
    persistent: true,
    compressed: false,
    encrypted: false,
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

const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 128 });
const name = fc.stringMatching(NAME_PATTERN);
const count = fc.nat();
// The sign of -0 does not travel.
const number = (min: number): fc.Arbitrary<number> => fc.double({ min, noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);

/** Any message that is one. */
export const messages = (payload: fc.Arbitrary<unknown>): fc.Arbitrary<Message> =>
  fc.record(
    {
      id: text,
      type: name,
      timestamp: number(0),
      version: fc.integer({ min: 1 }),
      source: fc.oneof(fc.constant(''), name),
      payload,
      target: name,
      correlationId: text,
      replyTo: name,
      ttl: number(Number.MIN_VALUE),
      priority: fc.constantFrom(...Object.values(MessagePriority)),
      headers: fc.dictionary(
        name.filter((key) => key !== '__proto__'),
        fc.string({ unit: 'binary', maxLength: 20 }),
        { maxKeys: 10 },
      ),
      metadata: fc.record(
        {
          retryCount: count,
          maxRetries: count,
          deliveryTag: count,
          routingKey: text,
          persistent: fc.boolean(),
          compressed: fc.boolean(),
          encrypted: fc.boolean(),
        },
        { requiredKeys: [] },
      ),
    },
    { requiredKeys: ['id', 'type', 'timestamp', 'version', 'source', 'payload'] },
  );
