import { BinaryReader, type BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { ENVELOPE_VERSION } from '../../message/messageLimits.js';
import type { Message, MessageMetadata } from '../../message/types.js';

export type EncodedPayload = { readonly data: Uint8Array } | { readonly json: string } | undefined;

const { Varint, Bit64, LengthDelimited } = WireType;

/** Appends a message in the format of rxwire.proto. Written by hand, for speed. */
export function writeMessage(writer: BinaryWriter, message: Message, payload: EncodedPayload): void {
  const { id, type, timestamp, version, source, target, correlationId, replyTo, ttl, priority, headers, metadata } = message;
  const text = (field: number, value: string): unknown => writer.tag(field, LengthDelimited).string(value);
  text(1, id);
  text(2, type);
  writer.tag(3, Bit64).double(timestamp);
  if (version !== ENVELOPE_VERSION) text(4, version);
  if (source !== '') text(5, source);
  if (payload && 'data' in payload) writer.tag(6, LengthDelimited).bytes(payload.data);
  else if (payload) text(7, payload.json);
  if (target !== undefined) text(8, target);
  if (correlationId !== undefined) text(9, correlationId);
  if (replyTo !== undefined) text(10, replyTo);
  if (ttl !== undefined) writer.tag(11, Bit64).double(ttl);
  if (priority !== undefined) writer.tag(12, Varint).int32(priority);
  if (headers) text(13, JSON.stringify(headers));
  if (metadata) writeMetadata(writer.tag(14, LengthDelimited).fork(), metadata);
}

function writeMetadata(writer: BinaryWriter, metadata: MessageMetadata): void {
  const { retryCount, maxRetries, deliveryTag, routingKey, persistent, compressed, encrypted, ...others } = metadata;
  const text = (field: number, value: string): unknown => writer.tag(field, LengthDelimited).string(value);
  const number = (field: number, value?: number): unknown => value !== undefined && writer.tag(field, Bit64).double(value);
  const flag = (field: number, value?: boolean): unknown => value !== undefined && writer.tag(field, Varint).bool(value);
  number(1, retryCount);
  number(2, maxRetries);
  if (deliveryTag !== undefined) text(3, deliveryTag);
  if (routingKey !== undefined) text(4, routingKey);
  flag(5, persistent);
  flag(6, compressed);
  flag(7, encrypted);
  if (Object.keys(others).length > 0) text(8, JSON.stringify(others));
  writer.join();
}

/** The fields of a message, unchecked, and its encoded payload. */
interface DecodedMessage {
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

/** @throws {Error} If the batch is invalid. */
export function readBatch(frame: Uint8Array, maxBatch: number): readonly DecodedMessage[] {
  const messages: DecodedMessage[] = [];
  const readMessage: ReadField = (reader) => {
    if (messages.length === maxBatch) throw new Error(`more than ${maxBatch} messages, which is the limit`);
    const { payload, metadata, ...fields } = readFields(reader.bytes(), MESSAGE, { timestamp: 0 });
    messages.push({ fields: metadata ? { ...fields, metadata: allOf(metadata as Fields) } : fields, payload: payload as EncodedPayload });
  };
  readFields(frame, { 1: readMessage }, {});
  return messages;
}

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
