import fc from 'fast-check';
import type { PlainCodec } from '../../lib/codec/codec.js';
import { nativeCompressor } from '../../lib/codec/gzip/nativeCompressor.js';
import { portableCompressor } from '../../lib/codec/gzip/compressor.js';
import { gzipped, gzippedWith } from '../../lib/codec/gzipped.js';
import { json } from '../../lib/codec/json.js';
import { keyring } from '../../lib/codec/keyring.js';
import { msgpack } from '../../lib/codec/msgpack.js';
import { sealed } from '../../lib/codec/sealed.js';
import type { Message } from '../../lib/message/types.js';
import { protobuf } from '../../lib/protobuf/index.js';
import { messages } from '../codec/messages.js';
import { anyPayload, jsonPayload } from '../codec/payloads.js';
import { typed, types } from '../protobuf/schemas.js';
import { placed } from '../support/places.js';

/** A codec, or several around one another, and batches that it brings back as they were. */
export interface Composition {
  readonly name: string;
  readonly codec: PlainCodec;
  readonly batches: fc.Arbitrary<readonly Message[]>;
}

const batchesOf = (message: fc.Arbitrary<Message>): fc.Arbitrary<readonly Message[]> => fc.array(message, { maxLength: 5 });
const typedMessages = fc.oneof(
  ...Object.entries(typed).map(([type, payload]) => messages(payload).map((message): Message => ({ ...message, type }))),
);

const plain: readonly Composition[] = [
  { name: 'json', codec: json(), batches: batchesOf(messages(jsonPayload)) },
  { name: 'msgpack', codec: msgpack(), batches: batchesOf(messages(anyPayload)) },
  { name: 'protobuf', codec: protobuf({ types }), batches: batchesOf(fc.oneof(messages(jsonPayload), typedMessages)) },
];

const keys = keyring({ current: 'k1', keys: { k1: new Uint8Array(32).fill(1) } });

/** Each codec alone, compressed by either of both (whatever its size, so that small frames are as well), sealed, and both. */
export const compositions: readonly Composition[] = plain.flatMap(({ name, codec, batches }) => [
  { name, codec, batches },
  { name: `${name}, gzip by zlib`, codec: gzippedWith(nativeCompressor() ?? portableCompressor, codec, { threshold: 0 }), batches },
  { name: `${name}, gzip by fflate`, codec: gzippedWith(portableCompressor, codec, { threshold: 0 }), batches },
  { name: `${name}, sealed`, codec: placed(sealed(codec, keys)), batches },
  { name: `${name}, gzip, sealed`, codec: placed(sealed(gzipped(codec, { threshold: 0 }), keys)), batches },
]);
