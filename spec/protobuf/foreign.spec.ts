import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import protobufjs from 'protobufjs';
import { MessagePriority } from '../../lib/message/messagePriority.js';
import type { Message } from '../../lib/message/types.js';
import { protobuf } from '../../lib/protobuf/index.js';
import { messages, sample } from '../codec/messages.js';

/** Another implementation of the format, which knows rxwire.proto and nothing else of ours. */
const { root } = protobufjs.parse(readFileSync('lib/protobuf/rxwire.proto', 'utf8'));
const Batch = root.lookupType('rxwire.v1.Batch');
const { values: priorities } = root.lookupEnum('rxwire.v1.Priority');
const codec = protobuf();

/** As it names and fills the fields. */
function theirs({ payload, source, timestamp, headers, ...message }: Message): object {
  const json = payload === null ? {} : { json: JSON.stringify(payload) };
  return {
    ...message,
    ...(timestamp !== 0 && { timestamp }),
    ...(source !== '' && { source }),
    ...json,
    ...(headers && { headers: { ...headers } }),
  };
}

describe('rxwire.proto', () => {
  it('says what protobuf writes', () => {
    fc.assert(
      fc.property(fc.array(messages(fc.jsonValue()), { maxLength: 4 }), (batch) => {
        const read = Batch.toObject(Batch.decode(codec.encode(batch) as Uint8Array), { longs: Number, arrays: true }) as {
          readonly messages: readonly object[];
        };
        const withHeaders = batch.map(({ headers, ...message }) => ({
          ...message,
          ...(headers && Object.keys(headers).length > 0 && { headers }),
        }));
        expect(read.messages).toEqual(withHeaders.map((message) => theirs(message as Message)));
      }),
    );
  });

  it('says what protobuf reads', () => {
    const frame = Batch.encode(Batch.fromObject({ messages: [theirs(sample())] })).finish();
    expect(codec.decode(frame)).toEqual([sample()]);
  });

  it('has the priorities that there are', () => {
    expect(priorities).toEqual(MessagePriority);
  });
});
