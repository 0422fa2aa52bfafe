import { create, fromBinary, toBinary, type DescMessage } from '@bufbuild/protobuf';
import fc from 'fast-check';
import type { PlainCodec } from '../../lib/codec/codec.js';
import { gzipped } from '../../lib/codec/gzipped.js';
import { json } from '../../lib/codec/json.js';
import { keyring } from '../../lib/codec/keyring.js';
import { msgpack } from '../../lib/codec/msgpack.js';
import { sealed } from '../../lib/codec/sealed.js';
import type { Message } from '../../lib/message/types.js';
import { protobuf } from '../../lib/codec/protobuf/index.js';
import { alike, anyMessage, anyValue } from '../codec/anyValue.js';
import { messages } from '../codec/messages.js';
import { anyPayload, jsonPayload } from '../codec/payloads.js';
import { typed, types } from '../codec/protobuf/schemas.js';
import { placed } from '../support/places.js';
import { asJson, asMsgpack } from './same.js';

/** A codec, or several around one another, and batches that it brings back as they were. */
export interface Composition {
  readonly name: string;
  readonly codec: PlainCodec;
  readonly batches: fc.Arbitrary<readonly Message[]>;
  /** Batches that it may refuse to encode. */
  readonly anyBatches: fc.Arbitrary<readonly Message[]>;
  /** What arrives of a payload that it encodes. */
  readonly arrives: (payload: unknown, type: string) => unknown;
}

const batchesOf = (message: fc.Arbitrary<Message>): fc.Arbitrary<readonly Message[]> => fc.array(message, { maxLength: 5 });
const typedMessages = fc.oneof(
  ...Object.entries(typed).map(([type, payload]) => messages(payload).map((message): Message => ({ ...message, type }))),
);

/** Batches of one message and more: some codecs encode those in another way. */
const anyBatchesOf = (message: fc.Arbitrary<Message>): fc.Arbitrary<readonly Message[]> =>
  fc.oneof(
    message.map((one) => [one]),
    fc.array(message, { maxLength: 4 }),
    fc.array(anyMessage(alike), { minLength: 2, maxLength: 4 }),
  );
const anyTyped = fc.oneof(
  ...Object.entries(typed).map(([type, payload]) =>
    anyMessage(fc.oneof(payload, anyValue), fc.constant(type)).map((message) => ({ ...message, type })),
  ),
);

function asProtobuf(payload: unknown, type: string): unknown {
  const schema = (types as Readonly<Record<string, DescMessage>>)[type];
  if (payload instanceof Uint8Array) return Uint8Array.from(payload);
  return schema && payload ? fromBinary(schema, toBinary(schema, create(schema, payload as Record<string, unknown>))) : asJson(payload);
}

const plain: readonly Composition[] = [
  { name: 'json', codec: json(), batches: batchesOf(messages(jsonPayload)), anyBatches: anyBatchesOf(anyMessage()), arrives: asJson },
  {
    name: 'msgpack',
    codec: msgpack(),
    batches: batchesOf(messages(anyPayload)),
    anyBatches: anyBatchesOf(anyMessage()),
    arrives: asMsgpack,
  },
  {
    name: 'protobuf',
    codec: protobuf({ types }),
    batches: batchesOf(fc.oneof(messages(jsonPayload), typedMessages)),
    anyBatches: anyBatchesOf(fc.oneof(anyMessage(), anyTyped)),
    arrives: asProtobuf,
  },
];

/** A codec whose encoder keeps the limits of another one that reads. */
const towards = (sender: PlainCodec, receiver: PlainCodec): PlainCodec => ({
  ...receiver,
  encode: (sender.within?.(receiver.limits ?? {}) ?? sender).encode as PlainCodec['encode'],
});

const SMALL = { maxBatch: 3, maxNodes: 12 };
const gzip = (codec: PlainCodec, maxSize: number): PlainCodec => gzipped(codec, { threshold: 0, maxSize });

/** Receivers with low limits, and senders that know them. */
const limited: readonly Composition[] = plain.flatMap(({ name, ...rest }) => {
  const make = ({ maxNodes, ...options }: { maxBatch?: number; maxNodes?: number; maxDepth?: number }): PlainCodec => {
    const nodes = { ...options, ...(maxNodes !== undefined && { maxNodes }) };
    return { json: json(options), msgpack: msgpack(nodes), protobuf: protobuf({ types, ...nodes }) }[name] as PlainCodec;
  };
  return [
    { name: `${name}, low limits`, ...rest, codec: make(SMALL) },
    { name: `${name}, low limits of the receiver`, ...rest, codec: towards(make({ maxDepth: 64 }), make(SMALL)) },
    {
      name: `${name}, gzip, low limits of the receiver`,
      ...rest,
      codec: towards(gzip(make({ maxDepth: 64 }), 4_096), gzip(make(SMALL), 200)),
    },
  ];
});

const keys = keyring({ current: 'k1', keys: { k1: new Uint8Array(32).fill(1) } });

/** Compositions whose encoder refuses much: only what it accepts is compared. */
export const refusing: readonly Composition[] = limited;

/** Each codec alone, compressed (whatever its size, so that small frames are as well), sealed, and both. */
export const compositions: readonly Composition[] = plain.flatMap(({ name, codec, ...batches }) => [
  { name, codec, ...batches },
  { name: `${name}, gzip`, codec: gzipped(codec, { threshold: 0 }), ...batches },
  { name: `${name}, sealed`, codec: placed(sealed(codec, keys)), ...batches },
  { name: `${name}, gzip, sealed`, codec: placed(sealed(gzipped(codec, { threshold: 0 }), keys)), ...batches },
]);
