import { pack, Packr } from 'msgpackr';
import { msgpack } from '../../lib/codec/msgpack.js';
import { DecodeError, EncodeError } from '../../lib/message/errors.js';
import { createMessage } from '../../lib/message/createMessage.js';
import type { Message } from '../../lib/message/types.js';
import { codecContract } from './contract.js';
import { around, filled, forbidden } from './hostileMsgpack.js';
import { nested, sample } from './messages.js';
import { anyPayload } from './payloads.js';

const MEBIBYTE = 1024 * 1024;
const encoded = (payload: unknown): Uint8Array => msgpack().encode([createMessage('a', payload)]) as Uint8Array;
const sent = (payload: unknown): unknown => msgpack().decode(encoded(payload))[0]?.payload;

const selfish = (): Map<unknown, unknown> => {
  const map = new Map();
  return map.set(1, map);
};

describe('msgpack', () => {
  codecContract(msgpack, {
    payload: anyPayload,
    carries: ['a Map', 'a Set'],
    hostile: {
      ...forbidden,
      'no bytes': () => new Uint8Array(),
      text: () => '[]',
      'a truncated frame': () => around(0xc0).subarray(0, -1),
      'bytes after the end': () => around(0xc0, 0xc0),
      'a map in place of a batch': () => Uint8Array.of(0x80),
      'the token that is never used': () => around(0xc1),
      'an array longer than its frame': () => around(0xdd, 0xff, 0xff, 0xff, 0xff),
      'a map longer than its frame': () => around(0xdf, 0x7f, 0xff, 0xff, 0xff, 0x01),
      'a text longer than its frame': () => around(0xdb, 0xff, 0xff, 0xff, 0xff, 0x61),
      'bytes longer than their frame': () => around(0xc6, 0xff, 0xff, 0xff, 0xff, 0x61),
      'a length that is cut': () => around(0xdd, 0xff),
      'a key that is an array': () => around(0x81, 0x90, 0xc0),
      'a date of one byte': () => around(0xd4, 0xff, 0xff),
      'a date that is no Date': () => around(0xc7, 12, 0xff, 0, 0, 0, 0, 0, 0, 0x08, 0, 0, 0, 0, 0),
      'a date just after the last one': () => around(0xc7, 12, 0xff, 0, 0x0f, 0x42, 0x40, 0, 0, 0x07, 0xdb, 0xa8, 0x21, 0x80, 0x00),
      'a mebibyte of empty maps': () => filled([0x80]),
      'a mebibyte of empty arrays': () => filled([0x90]),
      'a mebibyte of empty binaries': () => filled([0xc4, 0x00]),
      'a mebibyte of dates': () => filled([0xd6, 0xff, 0, 0, 0, 0]),
      'a mebibyte of maps of one': () => filled([0x81, 0xa1, 0x61, 0x00]),
      'a mebibyte of array tokens': () => new Uint8Array(MEBIBYTE).fill(0x91),
    },
    foreign: {
      'a message that is a map': () => new Uint8Array(pack([sample()])),
      'a message with too few fields': () => Uint8Array.of(0x91, 0x91, 0xa1, 0x61),
    },
    heavy: {
      'a mebibyte of texts': () => filled([0xa2, 0x61, 0x62]),
      'a mebibyte of broken UTF-8': () => filled([0xa3, 0xff, 0xff, 0xff]),
      'a mebibyte of integers': () => filled([0x01]),
      'a mebibyte of BigInts': () => filled([0xd3, 0x7f, 0, 0, 0, 0, 0, 0, 0]),
      '90,000 empty binaries': () => encoded(Array.from({ length: 90_000 }, () => new Uint8Array())),
      '90,000 keys': () => encoded(Object.fromEntries(Array.from({ length: 90_000 }, (_, index) => [`k${index}`, 0]))),
      '45,000 maps of different shapes': () => encoded(Array.from({ length: 45_000 }, (_, index) => ({ [`k${index}`]: 0 }))),
    },
  });

  it('makes tuples, cut after the last field that is there', () => {
    const short = createMessage('ack', null, { id: 'a', timestamp: 1, correlationId: 'b' });
    expect(msgpack().encode([short])).toEqual(new Uint8Array(pack([['a', 'ack', 1, '1.0', '', null, 'b']])));
    const { length } = msgpack().encode([createMessage('ack', null, { id: 'a', timestamp: 1 })]);
    expect(length).toBe(pack([['a', 'ack', 1, '1.0', '']]).length);
    expect(msgpack().encode([sample()]).length).toBeLessThan(JSON.stringify(sample()).length * 0.7);
  });

  it('ignores fields that a later version may have', () => {
    const tuple = ['a', 'ack', 1, '1.0', '', 'hello', null, null, null, null, null, null, null, null, 'later'];
    expect(msgpack().decode(pack([tuple]))).toStrictEqual([
      { id: 'a', type: 'ack', timestamp: 1, version: '1.0', source: '', payload: 'hello' },
    ]);
  });

  it.each([0n, -5n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 64n - 1n, -(2n ** 53n), -(2n ** 63n)])(
    'decodes the BigInt %p',
    (value) => {
      expect(sent(value)).toBe(value);
      expect(sent({ value })).toStrictEqual({ value });
    },
  );

  it('decodes Maps and Sets at any place, with any content', () => {
    class Room {
      readonly tags = new Set(['a']);
    }
    const value = new Map<unknown, unknown>([
      ['readers', [new Set([new Map([[1n, new Date(0)]]), 'x'])]],
      [new Date(1), { bytes: Uint8Array.of(1) }],
      [[new Set()], new Map()],
    ]);
    expect(sent({ value, room: new Room() })).toStrictEqual({ value, room: { tags: new Set(['a']) } });
    const own = JSON.parse('{ "__proto__": [] }') as Record<string, unknown>;
    Object.defineProperty(own, '__proto__', { value: new Set([1]), enumerable: true });
    expect(sent(own)).toStrictEqual({ __proto_: new Set([1]) });
  });

  it('encodes them as arrays, with their types beside them', () => {
    const tuple = ['a', 'a', 0, '1.0', '', { list: [[1, 2], [3]], n: 4 }, null, null, null, null, null, null, null];
    const kinds = [
      [1, 'list', 0],
      [2, 'list', 1],
      [3, 'n'],
    ];
    const message = createMessage('a', { list: [new Map([[1, 2]]), new Set([3])], n: 4n }, { id: 'a', timestamp: 0 });
    expect(msgpack().encode([message])).toEqual(
      new Uint8Array(new Packr({ useRecords: false, variableMapSize: true }).pack([[...tuple, kinds]])),
    );
  });

  it.each([
    ['a function in a Map', new Map([[1, () => 1]]), '[0].payload[1]: function'],
    ['a Map that holds itself', selfish(), '[0].payload'],
    ['a Map of 33 levels', Array.from({ length: 33 }).reduce((inner) => new Map([[1, inner]]), 0), '[0].payload'],
  ])('refuses %s', (_, value, place) => {
    expect(() => encoded(value)).toThrow(EncodeError);
    expect(() => encoded(value)).toThrow(place);
  });

  it.each<[string, unknown, unknown]>([
    ['that are no list', [], 1],
    ['that are no paths', [], [1]],
    ['of nothing', [], [[]]],
    ['of what is not there', [], [[1, 0]]],
    ['of a prototype', {}, [[1, '__proto__']]],
    ['of a method', [], [[1, 'push']]],
    ['of a length', [], [[3, 'length']]],
    ['of a text', 'text', [[1, 0]]],
    ['of a Map within a Map, from without', [[]], [[2], [2, 0]]],
    ['that are unknown', [], [[4]]],
    ['that do not fit: half a Map', [1], [[1]]],
    ['that do not fit: an object for a Set', {}, [[2]]],
    ['that do not fit: a fraction for a BigInt', 0.5, [[3]]],
    ['that are very deep', [], [[1, ...new Array<number>(40).fill(0)]]],
  ])('refuses kinds %s', (_, payload, kinds) => {
    const tuple = ['a', 'a', 0, '1.0', '', payload, null, null, null, null, null, null, null, kinds];
    expect(() => msgpack().decode(pack([tuple]))).toThrow(DecodeError);
  });

  it.each([
    ['bytes', Uint8Array.of(1, 2, 3)],
    ['a Buffer', Buffer.of(1, 2, 3)],
  ])('decodes %s as a separate Uint8Array', (_, bytes) => {
    const frame = Buffer.from(encoded(bytes));
    const [message] = msgpack().decode(frame);
    frame.fill(0xff);
    expect(message?.payload).toStrictEqual(Uint8Array.of(1, 2, 3));
    expect(Buffer.isBuffer(message?.payload)).toBe(false);
  });

  it('reads a frame that is a part of a larger buffer, and leaves no mark on it', () => {
    const frame = msgpack().encode([sample()]) as Uint8Array;
    const buffer = Buffer.concat([Buffer.alloc(7, 0xc1), frame, Buffer.alloc(7, 0xc1)]);
    const part = buffer.subarray(7, 7 + frame.length);
    expect(msgpack().decode(part)).toEqual([sample()]);
    expect(part).not.toHaveProperty('dataView');
  });

  it.each([10, 100])('refuses a lone surrogate, in a text of %i', (length) => {
    expect(() => sent(`\ud800${'a'.repeat(length)}`)).toThrow('a text with an unpaired surrogate');
    expect(sent(`\ufffd${'a'.repeat(length)}\ud83d\ude00`)).toBe(`\ufffd${'a'.repeat(length)}\ud83d\ude00`);
  });

  it('renames a key named __proto__', () => {
    expect(sent(JSON.parse('{ "__proto__": 1 }'))).toEqual({ __proto_: 1 });
  });

  it('carries more keys than fit in 16 bits', () => {
    const many = Object.fromEntries(Array.from({ length: 70_000 }, (_, index) => [`k${index}`, 0]));
    expect(Object.keys(sent(many) as object)).toHaveLength(70_000);
  });

  it('keeps maxNodes, both ways', () => {
    const small = msgpack({ maxNodes: 10 });
    const arrays = (length: number): Message[] => [
      createMessage(
        'a',
        Array.from({ length }, () => []),
      ),
    ];
    // Batch, tuple and payload are three.
    expect(small.decode(small.encode(arrays(7)))).toHaveLength(1);
    expect(() => small.encode(arrays(8))).toThrow(new EncodeError('msgpack', 'more than 10 nodes'));
    expect(() => small.decode(msgpack().encode(arrays(8)))).toThrow(new DecodeError('msgpack', 'more than 10 nodes'));
    expect(() => small.encode([createMessage('a', { a: 1, b: 2, c: 3, d: 4, e: 5, f: 6, g: 7, h: 8 })])).toThrow(EncodeError);
    expect(() => msgpack({ maxNodes: 0 })).toThrow(new RangeError('msgpack: "maxNodes" must be > 0, got 0'));
  });

  it.each([
    ['a cut frame', around(0xc0).subarray(0, -1), 'truncated'],
    ['bytes after the end', around(0xc0, 0xc0), 'bytes after the end'],
    ['an extension', around(0xd5, 0x50, 0x00, 0x00), 'unknown token or extension 0xd5'],
  ])('sees %s before msgpackr does', (_, frame, reason) => {
    expect(() => msgpack().decode(frame)).toThrow(new DecodeError('msgpack', reason));
  });

  it('calls no toJSON that came from a peer', () => {
    const fields = { constructor: 'a', toJSON: 'b', hasOwnProperty: 'c' };
    expect(sent(fields)).toEqual(fields);
  });

  it('continues after a refused frame', () => {
    const codec = msgpack();
    expect(() => codec.decode(around(0x81, 0x90, 0xc0))).toThrow(DecodeError);
    expect(() => codec.encode([createMessage('a', nested(33))])).toThrow(EncodeError);
    expect(codec.decode(codec.encode([sample()]))).toEqual([sample()]);
  });

  it('names the error of msgpackr as the cause', () => {
    let thrown: unknown;
    try {
      msgpack().decode(around(0x81, 0x90, 0xc0));
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ code: 'ERR_DECODE', codec: 'msgpack', cause: expect.any(Error) });
  });
});
