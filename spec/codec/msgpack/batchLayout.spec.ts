import { Packr } from 'msgpackr';
import { msgpack } from '../../../lib/codec/msgpack.js';
import { DecodeError, InvalidMessageError } from '../../../lib/message/errors.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import type { Message } from '../../../lib/message/types.js';
import { nested } from '../messages.js';

const message = (id: string, payload: unknown, more: Partial<Message> = {}): Message =>
  createMessage('a', payload, { id, timestamp: 1, ...more });
const packed = (frame: unknown): Uint8Array => new Uint8Array(new Packr({ useRecords: false, variableMapSize: true }).pack(frame));
const sent = (...batch: readonly Message[]): readonly Message[] => msgpack().decode(msgpack().encode(batch));
/** Two messages, of which these elements are others. */
const columns = (changes: Readonly<Record<number, unknown>> = {}): unknown[] =>
  Object.assign([2, ['x', 'y'], 'a', 1, '1.0', '', 0, [['n']], [[3, 4]], []], changes);

describe('columns', () => {
  it('encode common values and field names once', () => {
    const batch = [message('x', { n: 3, by: 'me' }), message('y', { n: 4, by: 'me' })];
    expect(msgpack().encode(batch)).toEqual(packed([2, ['x', 'y'], 'a', 1, '1.0', '', 0, [['n', 'by']], [[3, 4], 'me'], []]));
    expect(sent(...batch)).toStrictEqual(batch);
  });

  it('hold payloads of several shapes, and of none', () => {
    const batch = [message('1', { n: 1 }), message('2', null), message('3', { m: [] }), message('4', { n: 2 }), message('5', [{}, 1n])];
    const kinds = [null, null, null, null, [[3, 1]]];
    const shaped = [
      [0, null, 1, 0, null],
      [['n'], ['m']],
      [[1, 2], [[]]],
      [null, [{}, 1]],
    ];
    const none = new Array<null>(7).fill(null);
    expect(msgpack().encode(batch)).toEqual(packed([5, ['1', '2', '3', '4', '5'], 'a', 1, '1.0', '', ...shaped, ...none, kinds]));
    expect(sent(...batch)).toStrictEqual(batch);
  });

  it('leave out the fields that no message has', () => {
    const batch = [message('x', 1), message('y', 2, { correlationId: 'x' })];
    expect(msgpack().encode(batch)).toEqual(packed([2, ['x', 'y'], 'a', 1, '1.0', '', null, [], [], [1, 2], [null, 'x']]));
    const urgent = [message('x', 1, { priority: 3, headers: { a: 'b' } }), message('y', 2, { priority: 3 })];
    expect(sent(...urgent)).toEqual(urgent);
  });

  it('do not share mutable values between two messages', () => {
    const shared = { list: [1] };
    const [one, two] = sent(message('x', { shared }), message('y', { shared }));
    expect(one!.payload).toStrictEqual({ shared });
    expect((one!.payload as { shared: unknown }).shared).not.toBe((two!.payload as { shared: unknown }).shared);
  });

  it.each([
    ['many shapes', Array.from({ length: 40 }, (_, index) => ({ [`k${index}`]: index }))],
    ['many fields', [1, 2].map((value) => Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`k${index}`, value])))],
    ['a field that is undefined', [{ a: undefined }, { a: undefined }]],
    ['arrays in the same place', [{ a: [1, 2] }, { a: [3, 4] }, { a: null }]],
    ['what no field has but one', [{ a: null }, { a: {} }]],
    ['no fields', [{}, {}]],
    ['32 levels', [nested(32), nested(32)]],
    [
      'keys that are numbers',
      [
        { 2: 'b', 1: 'a' },
        { 1: 'a', 2: 'b' },
      ],
    ],
    ['Maps in them', [{ map: new Map([[1, new Set([2])]]) }, { map: new Map() }]],
  ])('decode payloads with %s', (_, payloads) => {
    const batch = payloads.map((payload, index) => message(String(index), payload));
    expect(sent(...batch)).toStrictEqual(batch);
  });

  it('leave no key __proto__ in a payload', () => {
    const own = (): unknown => JSON.parse('{ "__proto__": { "admin": true } }');
    const frame = packed(columns({ 7: [['__proto__']] }));
    for (const [first] of [sent(message('x', own()), message('y', own())), msgpack().decode(frame)]) {
      expect(Object.hasOwn(first!.payload as object, '__proto__')).toBe(false);
      expect(Object.getPrototypeOf(first!.payload)).toBe(Object.prototype);
    }
  });

  it('are used for no more fields than the reader takes', () => {
    const small = msgpack({ maxNodes: 30 });
    const batch = Array.from({ length: 9 }, (_, index) => message(String(index), { a: 1, b: 2 }));
    expect(small.decode(small.encode(batch))).toEqual(batch);
    const large = msgpack({ maxNodes: 17 });
    expect(() => large.decode(msgpack().encode(batch))).toThrow('more than 17 nodes');
  });

  it('of a later version are ignored', () => {
    const frame = packed([...columns(), ...new Array<null>(8).fill(null), ['later', 'later']]);
    expect(msgpack().decode(frame)).toStrictEqual([message('x', { n: 3 }), message('y', { n: 4 })]);
  });

  it.each<[string, unknown[]]>([
    ['a number of messages below 0', columns({ 0: -1 })],
    ['half a message', columns({ 0: 1.5 })],
    ['more messages than may be', columns({ 0: 1_025, 1: 'x', 6: 0, 8: [1] })],
    ['too few ids', columns({ 1: ['x'] })],
    ['too many types', columns({ 2: ['a', 'a', 'a'] })],
    ['an object that all would share', columns({ 10: { a: 1 } })],
    ['a shape that is not there', columns({ 6: 1 })],
    ['a shape by name', columns({ 6: 'length' })],
    ['a shape below 0', columns({ 6: -1 })],
    ['no shapes', columns({ 7: null })],
    ['shapes that are none', columns({ 7: ['n'] })],
    ['names that are none', columns({ 7: [[1]] })],
    ['no fields', columns({ 8: null })],
    ['too few fields', columns({ 8: [] })],
    ['too many fields', columns({ 8: [1, 2] })],
    ['too few values', columns({ 8: [[3]] })],
    ['too many values', columns({ 8: [[3, 4, 5]] })],
    ['a value that all would share', columns({ 8: [{}] })],
    ['a payload too many', columns({ 9: [1] })],
    ['a payload too few', columns({ 6: [0, null] })],
    ['payloads that are no list', columns({ 6: null, 7: [], 8: [], 9: 5 })],
    ['nothing but the number', [2]],
  ])('are refused with %s', (_, frame) => {
    expect(() => msgpack().decode(packed(frame))).toThrow(DecodeError);
  });

  it('are checked as messages are', () => {
    expect(() => msgpack().decode(packed(columns({ 2: '' })))).toThrow(InvalidMessageError);
    expect(() => msgpack().decode(packed(columns({ 10: ['ok', 5] })))).toThrow('[1].correlationId');
  });

  it('make no more of a small frame than their limits say', () => {
    const names = Array.from({ length: 1_000 }, (_, index) => `k${index}`);
    const frame = packed([1_024, 'x', 'a', 1, '1.0', '', 0, [names], names.map(() => 'y'), []]);
    expect(() => msgpack().decode(frame)).toThrow('more than 100000 nodes');
  });
});
