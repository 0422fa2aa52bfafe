import { create } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { AnySchema, StructSchema, TimestampSchema } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import { DecodeError, EncodeError } from '../../../lib/message/errors.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import { protobuf, type ProtobufOptions } from '../../../lib/codec/protobuf/index.js';
import { codecContract } from '../contract.js';
import { sample } from '../messages.js';
import { jsonPayload } from '../payloads.js';
import { around, fields, typed, types } from './schemas.js';

const MEBIBYTE = 1024 * 1024;
const codec = protobuf({ types });
const sent = (type: string, payload: unknown, options: ProtobufOptions = { types }): unknown =>
  protobuf(options).decode(protobuf(options).encode([createMessage(type as 'any', payload)]))[0]?.payload;
const json = (text: string): Uint8Array => fields([1, Buffer.concat([messageOf(), fields([7, text])])]);
const good = (): Uint8Array => codec.encode([sample()]) as Uint8Array;
/** A field within itself, so often. */
const nested = (levels: number, path: readonly number[]): Uint8Array => {
  let inner = new Uint8Array();
  for (let level = 0; level < levels; level++) for (const number of path) inner = fields([number, inner]) as Uint8Array<ArrayBuffer>;
  return inner;
};
const filled = (item: readonly number[], size = MEBIBYTE - 100): Uint8Array => {
  const bytes = new Uint8Array(size - (size % item.length));
  for (let at = 0; at < bytes.length; at += item.length) bytes.set(item, at);
  return bytes;
};

describe('protobuf', () => {
  codecContract((options) => protobuf({ ...options, types }), {
    payload: jsonPayload,
    hostile: {
      text: () => '{}',
      'a truncated frame': () => good().subarray(0, -1),
      'trailing bytes': () => Buffer.concat([good(), Buffer.of(0)]),
      'a length beyond the end': () => Uint8Array.of(0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f),
      'the end of a group that has not begun': () => Uint8Array.of(0x0c),
      'groups within groups': () => filled([0x13]),
      'a text that is no UTF-8': () => fields([1, fields([1, Uint8Array.of(0xff)])]),
      'JSON that is none': () => json('{'),
      'JSON of 33 levels': () => json('['.repeat(33) + ']'.repeat(33)),
      'JSON of half a mebibyte of levels': () => json('['.repeat(MEBIBYTE / 4) + ']'.repeat(MEBIBYTE / 4)),
      'a version that is a number': () => fields([1, Buffer.concat([messageOf(), Buffer.of(0x20, 0x01)])]),
      'headers that are no JSON': () => withField(13, '{'),
      'other metadata that are a list': () => withField(14, fields([8, '[1]'])),
      'other metadata that are a text': () => withField(14, fields([8, '"text"'])),
      'a mebibyte of empty messages': () => filled([0x0a, 0x00]),
      'a payload that is cut': () => around('any.thing', Uint8Array.of(0x0a, 0x05, 0x61)),
      'a payload with a mebibyte of empty messages': () => around('api.published', filled([0x12, 0x00])),
      'a payload with a mebibyte of entries of a map': () => around('json.said', filled([0x0a, 0x00])),
      'a payload with a mebibyte of empty texts': () => around('file.described', filled([0x1a, 0x00])),
      'a payload with messages within messages': () => around('file.described', fields([4, nested(33, [3])])),
      'a payload with maps within maps': () => around('json.said', nested(40, [1, 5, 2, 1])),
      'a payload of groups within groups': () => around('any.thing', filled([0x1b])),
    },
    foreign: {
      'an empty message': () => Uint8Array.of(0x0a, 0x00),
      'a message without a type': () => fields([1, fields([1, 'a'])]),
      'a priority that is none': () => Buffer.concat([fields([1, Buffer.concat([messageOf(), Buffer.of(0x60, 0x07)])])]),
      'a name of a header that is none': () => withField(13, '{"a\\n":1}'),
      'headers that are a list': () => withField(13, '[1]'),
      'more headers than there may be': () =>
        withField(13, JSON.stringify(Object.fromEntries(Array.from({ length: 33 }, (_, index) => [`h${index}`, ''])))),
      'a header of half a mebibyte of levels': () => withField(13, `{"a":${'['.repeat(MEBIBYTE / 4)}${']'.repeat(MEBIBYTE / 4)}}`),
      'other metadata above 16 KiB': () =>
        withField(14, fields([8, JSON.stringify({ a: 'x'.repeat(8_000), b: 'x'.repeat(8_000), c: 'x'.repeat(8_000) })])),
    },
    heavy: {
      'a mebibyte of fields that nobody knows': () => fields([1, Buffer.concat([messageOf(), filled([0x78, 0x01])])]),
      'headers, a hundred thousand times': () => fields([1, Buffer.concat([messageOf(), filled([0x6a, 0x02, 0x7b, 0x7d], 400_000)])]),
      'a payload of 90,000 messages': () => around('api.published', filled([0x12, 0x00], 180_000)),
      'a mebibyte of the same field': () => around('clock.tick', filled([0x08, 0x01])),
    },
  });

  it.each(Object.keys(types) as (keyof typeof types)[])('decodes messages of a schema: %s', (type) => {
    fc.assert(fc.property(typed[type], (payload) => expect(sent(type, payload)).toEqual(payload)));
  });

  it('accepts an object that initializes a message', () => {
    expect(sent('clock.tick', { seconds: 42n })).toEqual(create(TimestampSchema, { seconds: 42n }));
    expect(sent('clock.tick', null)).toBeNull();
  });

  it.each([
    ['a key that its schema does not know', 'clock.tick', { seconds: 1n, zone: 'utc' }],
    ['a number out of range', 'clock.tick', { nanos: 2 ** 40 }],
    ['a text for a message', 'clock.tick', 'now'],
    [
      'more nodes than it may have',
      'json.said',
      { fields: Object.fromEntries(Array.from({ length: 101 }, (_, index) => [`k${index}`, { kind: { case: 'nullValue', value: 0 } }])) },
    ],
  ])('refuses to encode %s, and says where it is', (_, type, payload) => {
    const small = protobuf({ types, maxNodes: 100 });
    expect(() => small.encode([sample(), createMessage(type as 'any', payload)])).toThrow(EncodeError);
    expect(() => small.encode([sample(), createMessage(type as 'any', payload)])).toThrow('cannot carry [1].payload');
  });

  it('carries bytes as they are, where there is no schema', () => {
    const bytes = Uint8Array.of(1, 2, 3);
    const frame = codec.encode([createMessage('a', bytes)]) as Uint8Array;
    const [message] = codec.decode(frame);
    frame.fill(0xff);
    expect(message?.payload).toStrictEqual(bytes);
  });

  it('passes on payloads without a schema', () => {
    const tick = createMessage('clock.tick' as 'any', create(TimestampSchema, { seconds: 42n }));
    const relay = protobuf();
    const passedOn = relay.encode(relay.decode(codec.encode([tick])));
    expect(codec.decode(passedOn)).toEqual([tick]);
  });

  it('reads a payload of a schema from its JSON, for a peer that has none', () => {
    const plain = protobuf().encode([createMessage('clock.tick' as 'any', '1970-01-01T00:00:42Z')]);
    expect(codec.decode(plain)[0]?.payload).toEqual(create(TimestampSchema, { seconds: 42n }));
    const wrong = protobuf().encode([createMessage('clock.tick' as 'any', { second: 42 })]);
    expect(() => codec.decode(wrong)).toThrow(DecodeError);
  });

  it('keeps no view of the frame, and nothing that it does not know', () => {
    const frame = around('any.thing', Buffer.concat([fields([2, Uint8Array.of(7)]), Uint8Array.of(0x50, 0x01)]));
    const [message] = codec.decode(frame);
    frame.fill(0);
    expect(message?.payload).toEqual(create(AnySchema, { value: Uint8Array.of(7) }));
  });

  it('keeps maxNodes when it decodes', () => {
    const payload = { a: 1, b: 2, c: 3 };
    const frame = codec.encode([createMessage('json.said' as 'any', create(StructSchema, { fields: mapOf(payload) }))]);
    expect(protobuf({ types, maxNodes: 6 }).decode(frame)).toHaveLength(1);
    expect(() => protobuf({ types, maxNodes: 5 }).decode(frame)).toThrow('too many nodes');
    expect(() => protobuf({ maxNodes: 0 })).toThrow(new RangeError('protobuf: "maxNodes" must be > 0, got 0'));
  });
});

const withField = (field: number, content: string | Uint8Array): Uint8Array =>
  fields([1, Buffer.concat([messageOf(), fields([field, content])])]);

function messageOf(): Uint8Array {
  return new BinaryWriter().tag(1, WireType.LengthDelimited).string('a').tag(2, WireType.LengthDelimited).string('a').finish();
}

function mapOf(values: Readonly<Record<string, number>>) {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, { kind: { case: 'numberValue' as const, value } }]));
}
