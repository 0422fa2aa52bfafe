import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import protobufjs from 'protobufjs';
import { MessagePriority } from '../../../lib/message/messagePriority.js';
import type { Message, MessageMetadata } from '../../../lib/message/types.js';
import { protobuf } from '../../../lib/codec/protobuf/index.js';
import { messages, sample } from '../messages.js';

/** Another implementation of the format, which knows rxwire.proto and nothing else of ours. */
const { root } = protobufjs.parse(readFileSync('lib/codec/protobuf/rxwire.proto', 'utf8'));
const Batch = root.lookupType('rxwire.v1.Batch');
const { values: priorities } = root.lookupEnum('rxwire.v1.Priority');
const codec = protobuf();

/** As it names and fills the fields. */
function theirs({ payload, source, timestamp, version, headers, metadata, ...message }: Message): object {
  const json = payload === null ? {} : { json: JSON.stringify(payload) };
  return {
    ...message,
    ...(timestamp !== 0 && { timestamp }),
    ...(source !== '' && { source }),
    ...json,
    ...(version !== '1.0' && { version }),
    ...(headers && { headers: JSON.stringify(headers) }),
    ...(metadata && { metadata: theirMetadata(metadata) }),
  };
}

function theirMetadata(metadata: MessageMetadata): object {
  const { retryCount, maxRetries, deliveryTag, routingKey, persistent, compressed, encrypted, ...others } = metadata;
  const known = { retryCount, maxRetries, deliveryTag, routingKey, persistent, compressed, encrypted };
  return { ...defined(known), ...(Object.keys(others).length > 0 && { others: JSON.stringify(others) }) };
}

const defined = (fields: object): object => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

describe('rxwire.proto', () => {
  it('equals the frames of protobuf', () => {
    fc.assert(
      fc.property(fc.array(messages(fc.jsonValue()), { maxLength: 4 }), (batch) => {
        const read = Batch.toObject(Batch.decode(codec.encode(batch) as Uint8Array), { longs: Number, arrays: true }) as {
          readonly messages: readonly object[];
        };
        expect(read.messages).toEqual(batch.map(theirs));
      }),
    );
  });

  it('equals the messages of protobuf', () => {
    const frame = Batch.encode(Batch.fromObject({ messages: [theirs(sample())] })).finish();
    expect(codec.decode(frame)).toEqual([sample()]);
  });

  it('has the priorities that there are', () => {
    expect(priorities).toEqual(MessagePriority);
  });
});
