import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { contentKey } from '../../lib/message/contentKey.js';
import { createMessage } from '../../lib/message/createMessage.js';
import type { Message } from '../../lib/message/types.js';
import { anyPayload } from '../codec/payloads.js';

const message: Message = createMessage('note.taken', { room: 'lobby', text: 'hello' }, { id: 'm1' });
const keyOf = (payload: unknown): string => contentKey({ ...message, payload });

/** The same value, with the fields of all objects in the opposite order. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (value instanceof Map) return new Map([...(value as Map<unknown, unknown>)].reverse());
  if (Object(value) !== value || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(
    Object.entries(value as object)
      .reverse()
      .map(([name, field]) => [name, reversed(field)]),
  );
}

describe('contentKey', () => {
  it('is the SHA-256 of id, type, correlationId and payload', () => {
    const text = '["m1","note.taken",null,{"room":"lobby","text":"hello"}]';
    expect(contentKey(message)).toBe(createHash('sha256').update(text).digest('hex'));
  });

  it('changes with each of these fields, and with no other', () => {
    const changes: readonly Partial<Message>[] = [
      ...[{ id: 'm2' }, { type: 'chat.left' }, { correlationId: 'c1' }, { payload: 'x' }],
      ...[
        { timestamp: 1 },
        { source: 'other' },
        { target: 'you' },
        { priority: 3 } as const,
        { headers: { a: 'b' } },
        { metadata: { retryCount: 1 } },
      ],
    ];
    const isSame = changes.map((change) => contentKey({ ...message, ...change }) === contentKey(message));
    expect(isSame).toEqual([false, false, false, false, true, true, true, true, true, true]);
  });

  it('does not depend on the order of fields, at any depth', () => {
    fc.assert(fc.property(anyPayload, (payload) => expect(keyOf(reversed(payload))).toBe(keyOf(payload))));
  });

  it('is different for payloads that are different', () => {
    const payloads = [
      ...[
        null,
        0,
        1,
        '1',
        1n,
        true,
        'true',
        'null',
        [],
        {},
        '',
        [null],
        [[]],
        NaN,
        Infinity,
        { a: 1 },
        { a: '1' },
        { b: 1 },
        { a: { b: 1 } },
      ],
      ...[
        [1, 2],
        [12],
        ['1,2'],
        ['1', '2'],
        { 'a":1,"b': 1 },
        { a: 1, b: 1 },
        new Date(0),
        'Date(0)',
        new Date(1),
        new Map(),
        new Map([['a', 1]]),
      ],
      ...[new Set(), new Set(['a']), Uint8Array.of(1), Uint8Array.of(1, 0), 'bytes(AQ==)', new Map([[1, 'a']]), new Map([['1', 'a']])],
    ];
    const keys = payloads.map(keyOf);
    keys.forEach((key, index) => expect([index, keys.indexOf(key)]).toEqual([index, index]));
  });

  it('gives values that are equal in JSON the same key', () => {
    expect(keyOf({ a: 1, b: undefined })).toBe(keyOf({ a: 1 }));
    expect(keyOf([undefined])).toBe(keyOf([null]));
    expect(keyOf(-0)).toBe(keyOf(0));
    expect(contentKey({ ...message, correlationId: undefined as never })).toBe(contentKey(message));
  });

  it('hashes the bytes of a view, and no others of its memory', () => {
    const memory = Uint8Array.of(9, 1, 2, 9);
    expect(keyOf(memory.subarray(1, 3))).toBe(keyOf(Uint8Array.of(1, 2)));
    expect(keyOf(Uint8Array.of(1, 2).buffer)).toBe(keyOf(Uint8Array.of(1, 2)));
  });

  it('throws for a payload that contains itself', () => {
    const cyclic: Record<string, unknown> = {};
    cyclic['self'] = cyclic;
    expect(() => keyOf(cyclic)).toThrow(RangeError);
  });
});
