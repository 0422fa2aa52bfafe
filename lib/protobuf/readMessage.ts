import { BinaryReader, type WireType } from '@bufbuild/protobuf/wire';
import { MAX_HEADERS } from '../message/limits.js';
import type { Carried } from './writeMessage.js';

/** The fields of a message, unchecked, and what stands in place of its payload. */
export interface Draft {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly payload: Carried;
}

/** Reads the value of a field; `undefined` where it is one that is not known. */
type Read = (reader: BinaryReader, into: Fields) => void;
type Fields = Record<string, unknown>;

const text =
  (name: string): Read =>
  (reader, into) =>
    (into[name] = reader.string(true));
const number =
  (name: string): Read =>
  (reader, into) =>
    (into[name] = reader.double());
const flag =
  (name: string): Read =>
  (reader, into) =>
    (into[name] = reader.bool());

const METADATA: Readonly<Record<number, Read>> = {
  1: number('retryCount'),
  2: number('maxRetries'),
  3: number('deliveryTag'),
  4: text('routingKey'),
  5: flag('persistent'),
  6: flag('compressed'),
  7: flag('encrypted'),
};

const MESSAGE: Readonly<Record<number, Read>> = {
  1: text('id'),
  2: text('type'),
  3: number('timestamp'),
  4: (reader, into) => (into['version'] = reader.uint32()),
  5: text('source'),
  6: (reader, into) => (into['payload'] = { data: reader.bytes() }),
  7: (reader, into) => (into['payload'] = { json: reader.string(true) }),
  8: text('target'),
  9: text('correlationId'),
  10: text('replyTo'),
  11: number('ttl'),
  12: (reader, into) => (into['priority'] = reader.int32()),
  13: (reader, into) => addHeader((into['headers'] ??= new Map<string, string>()) as Map<string, string>, reader.bytes()),
  // What comes in two parts is one, says the format.
  14: (reader, into) => readFields(reader.bytes(), METADATA, (into['metadata'] ??= {}) as Fields),
};

const BATCH: Readonly<Record<number, Read>> = {
  1: (reader, into) => {
    const messages = into['messages'] as Draft[];
    if (messages.length === into['maxBatch']) throw new Error(`more than ${messages.length} messages, which is the limit`);
    const { payload, headers, ...fields } = readFields(reader.bytes(), MESSAGE, { timestamp: 0 });
    messages.push({
      fields: { ...fields, headers: headers && Object.fromEntries(headers as Map<string, string>) },
      payload: payload as Carried,
    });
  },
};

/** Takes a batch apart. @throws {Error} When it is none. */
export function readBatch(frame: Uint8Array, maxBatch: number): readonly Draft[] {
  const messages: Draft[] = [];
  readFields(frame, BATCH, { messages, maxBatch });
  return messages;
}

function addHeader(headers: Map<string, string>, entry: Uint8Array): void {
  const { key, value } = readFields(entry, { 1: text('key'), 2: text('value') }, { key: '', value: '' });
  headers.set(key as string, value as string);
  if (headers.size > MAX_HEADERS) throw new Error(`more than ${MAX_HEADERS} headers`);
}

function readFields(bytes: Uint8Array, known: Readonly<Record<number, Read>>, into: Fields): Fields {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wireType]: [number, WireType] = reader.tag();
    const read = known[field];
    if (read) read(reader, into);
    else reader.skip(wireType, field);
  }
  return into;
}
