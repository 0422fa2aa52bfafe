import { TimestampSchema } from '@bufbuild/protobuf/wkt';
import { EncodeError } from '../../lib/message/errors.js';
import { createMessage, gzipped, msgpack, type Message } from '../../lib/index.js';
import { protobuf } from '../../lib/codec/protobuf/index.js';

/** An object with these two keys of its own. */
const both = (value: unknown): object => JSON.parse(`{ "__proto__": ${JSON.stringify(value)}, "__proto_": 1 }`) as object;
const refusal = (encode: () => unknown): string => {
  try {
    encode();
  } catch (error) {
    if (error instanceof EncodeError) return error.reason;
    throw error;
  }
  return 'encoded';
};

describe('the other side can decode every encoded frame', () => {
  it.each<[string, unknown]>([
    ['in a payload', both(0)],
    ['deeper', { list: [both(0)] }],
    ['in a Map', new Map([['a', both(0)]])],
    ['one of which is a Map', Object.assign(both(0), { ['__proto_']: new Map() })],
  ])('refuses an object with a key __proto__ and a key __proto_, which would arrive as one: %s', (_, payload) => {
    const other = createMessage('a', { b: 1 });
    for (const batch of [[createMessage('a', payload)], [other, createMessage('a', payload)]]) {
      expect(refusal(() => msgpack().encode(batch))).toMatch(/cannot carry \[\d\]\.payload.*: both __proto__ and __proto_/);
      expect(refusal(() => gzipped(msgpack(), { threshold: 0 }).encode(batch))).toMatch(/both __proto__ and __proto_/);
    }
  });

  it.each<[string, Partial<Message>]>([
    ['a payload', { payload: 'a\ud800' }],
    ['a long text', { payload: { text: `${'x'.repeat(500)}\udc00` } }],
    ['a key', { payload: { '\ud800': 1, '\udc00': 2 } }],
    ['a Map', { payload: new Map([['\ud800', 1]]) }],
    ['an id', { id: '\udfff' }],
    ['a header', { headers: { '\ud800': 1 } }],
  ])('refuses a text that UTF-8 cannot encode, which would arrive as another one: in %s', (_, fields) => {
    const message = { ...createMessage('a', null), ...fields };
    expect(refusal(() => msgpack().encode([createMessage('a', '\ufffd'), message]))).toBe(
      'cannot carry [1]: a text with an unpaired surrogate',
    );
  });

  it('refuses such a text in an envelope of protobuf, and in a payload with a schema', () => {
    const types = { 'clock.tick': TimestampSchema };
    const codec = protobuf({ types });
    expect(refusal(() => codec.encode([createMessage('a', 1, { id: '\ud800' })]))).toBe(
      'cannot carry [0]: a text with an unpaired surrogate',
    );
  });

  it.each<[string, unknown]>([
    ['a Date', new Date(0)],
    ['an empty array', []],
    ['no bytes', new Uint8Array()],
  ])('refuses %s where a schema is expected, which would arrive as an empty message', (_, payload) => {
    const codec = protobuf({ types: { 'clock.tick': TimestampSchema } });
    expect(refusal(() => codec.encode([createMessage('clock.tick', payload)]))).toMatch(/where google\.protobuf\.Timestamp was expected/);
  });
});
