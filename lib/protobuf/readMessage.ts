import { BinaryReader, type WireType } from '@bufbuild/protobuf/wire';
import type { EncodedPayload } from './writeMessage.js';

/** The fields of a message, unchecked, and its encoded payload. */
export interface DecodedMessage {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly payload: EncodedPayload;
}

/** Reads the value of a field; undefined for unknown fields. */
type ReadField = (reader: BinaryReader, target: Fields) => void;
type Fields = Record<string, unknown>;

const text =
  (name: string): ReadField =>
  (reader, target) =>
    (target[name] = reader.string(true));
const number =
  (name: string): ReadField =>
  (reader, target) =>
    (target[name] = reader.double());
const flag =
  (name: string): ReadField =>
  (reader, target) =>
    (target[name] = reader.bool());
const json =
  (name: string): ReadField =>
  (reader, target) =>
    (target[name] = JSON.parse(reader.string(true)) as unknown);

const METADATA: Readonly<Record<number, ReadField>> = {
  1: number('retryCount'),
  2: number('maxRetries'),
  3: text('deliveryTag'),
  4: text('routingKey'),
  5: flag('persistent'),
  6: flag('compressed'),
  7: flag('encrypted'),
  8: json('others'),
};

const MESSAGE: Readonly<Record<number, ReadField>> = {
  1: text('id'),
  2: text('type'),
  3: number('timestamp'),
  4: text('version'),
  5: text('source'),
  6: (reader, target) => (target['payload'] = { data: reader.bytes() }),
  7: (reader, target) => (target['payload'] = { json: reader.string(true) }),
  8: text('target'),
  9: text('correlationId'),
  10: text('replyTo'),
  11: number('ttl'),
  12: (reader, target) => (target['priority'] = reader.int32()),
  13: json('headers'),
  // The format requires that a field in two parts is merged.
  14: (reader, target) => readFields(reader.bytes(), METADATA, (target['metadata'] ??= {}) as Fields),
};

const BATCH: Readonly<Record<number, ReadField>> = {
  1: (reader, target) => {
    const messages = target['messages'] as DecodedMessage[];
    if (messages.length === target['maxBatch']) throw new Error(`more than ${messages.length} messages, which is the limit`);
    const { payload, metadata, ...fields } = readFields(reader.bytes(), MESSAGE, { timestamp: 0 });
    messages.push({ fields: metadata ? { ...fields, metadata: allOf(metadata as Fields) } : fields, payload: payload as EncodedPayload });
  },
};

/** Parses a batch. @throws {Error} If it is invalid. */
export function readBatch(frame: Uint8Array, maxBatch: number): readonly DecodedMessage[] {
  const messages: DecodedMessage[] = [];
  readFields(frame, BATCH, { messages, maxBatch });
  return messages;
}

/** Returns all fields of the metadata. */
function allOf({ others, ...known }: Fields): Fields {
  if (others === undefined) return known;
  if (typeof others !== 'object' || others === null || Array.isArray(others)) throw new Error('metadata whose other fields are no object');
  return { ...others, ...known };
}

function readFields(bytes: Uint8Array, known: Readonly<Record<number, ReadField>>, target: Fields): Fields {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wireType]: [number, WireType] = reader.tag();
    const read = known[field];
    if (read) read(reader, target);
    else reader.skip(wireType, field);
  }
  return target;
}
