import { readFileSync } from 'node:fs';
import type { PlainCodec } from '../../lib/codec/codec.js';
import { gzipped } from '../../lib/codec/gzipped.js';
import { json } from '../../lib/codec/json.js';
import { msgpack } from '../../lib/codec/msgpack.js';
import { RxwireError } from '../../lib/message/errors.js';
import type { Message } from '../../lib/message/types.js';
import { protobuf } from '../../lib/codec/protobuf/index.js';
import { types } from '../codec/protobuf/schemas.js';
import { untagged } from './tagged.js';

interface Vector {
  readonly name: string;
  readonly text?: string;
  readonly hex?: string;
}

type Good = Vector & { readonly messages: readonly unknown[] };

interface Vectors {
  readonly good: readonly Good[];
  /** What others may write, and we do not. */
  readonly read?: readonly Good[];
  readonly bad: readonly Vector[];
}

const read = (file: string): Vectors => JSON.parse(readFileSync(`spec/vectors/${file}.json`, 'utf8')) as Vectors;
const frameOf = ({ text, hex }: Vector): string | Uint8Array => text ?? new Uint8Array(Buffer.from(hex!, 'hex'));

/** Whether the bytes of a frame follow from its messages: those of a compressor do not. */
const codecs: readonly (readonly [codec: PlainCodec, isExact: boolean])[] = [
  [json(), true],
  [msgpack(), true],
  [protobuf({ types }), true],
  [gzipped(msgpack()), false],
];

describe.each(codecs.map(([codec, isExact]) => [codec.name, codec, isExact] as const))('the vectors of %s', (name, codec, isExact) => {
  const { good, bad, read: others = [] } = read(name);

  it.each(good.map((vector) => [vector.name, vector] as const))('%s', (_, vector) => {
    const messages = untagged(vector.messages) as readonly Message[];
    expect(codec.decode(frameOf(vector))).toEqual(messages);
    const frame = codec.encode(messages);
    if (isExact) expect(frame).toEqual(frameOf(vector));
    else expect(codec.decode(frame)).toEqual(messages);
  });

  for (const vector of others) {
    it(`reads ${vector.name}`, () => {
      expect(codec.decode(frameOf(vector))).toEqual(untagged(vector.messages));
    });
  }

  it.each(bad.map((vector) => [vector.name, vector] as const))('refuses %s', (_, vector) => {
    expect(() => codec.decode(frameOf(vector))).toThrow(RxwireError);
  });
});
