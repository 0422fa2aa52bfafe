import { EMPTY, of } from 'rxjs';
import { asynchronous } from '../../../lib/codec/asynchronous.js';
import type { Codec } from '../../../lib/codec/codec.js';
import { json } from '../../../lib/codec/json.js';
import { Outputs } from '../../../lib/core/coreTypes.js';
import type { Outgoing } from '../../../lib/core/outgoing.js';
import { HEADER_ROOM } from '../../../lib/core/frameFormat.js';
import { encodeErrorOf, HostCodec } from '../../../lib/wire/session/hostCodec.js';
import { DecodeError, EncodeError } from '../../../lib/message/errors.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import type { Message } from '../../../lib/message/types.js';
import { answerCall } from '../../core/coreHarness.js';
import { boundCodec } from '../../support/boundCodec.js';

const plain = json();
const late: Codec = { ...plain, encode: (batch) => of(plain.encode(batch)), decode: (frame) => of(plain.decode(frame)) };
const message = createMessage('test.item', 'x'.repeat(500));

/** Encodes messages, and answers the call. */
function encoded(codec: HostCodec, messages: readonly Message[]) {
  const outputs = new Outputs();
  expect(codec.encode(messages, 1, outputs)).toBeUndefined();
  answerCall(outputs.takeEffects()[0], 0);
  return codec.encode(messages, 1, outputs);
}

describe('HostCodec', () => {
  it('rejects the results of a codec that is asynchronous and does not say so', () => {
    const codec = new HostCodec(late, 'to-client', { pid: 'p' });
    const reason = /it is asynchronous, but has no "asynchronous"/;
    expect(() => codec.encode([message], 1)).toThrow(EncodeError);
    expect(() => codec.encode([message], 1)).toThrow(reason);
    expect(() => codec.decode('[]', 1, 1)).toThrow(DecodeError);
    expect(() => codec.decode('[]', 1, 1)).toThrow(reason);
    const promising = { ...plain, encode: () => Promise.resolve('') } as unknown as Codec;
    expect(() => new HostCodec(promising, 'to-client', { pid: 'p' }).encode([message], 1)).toThrow(reason);
  });

  it('cannot encode by an asynchronous codec that emits nothing', () => {
    const codec = new HostCodec({ ...late, asynchronous, encode: () => EMPTY }, 'to-client', { pid: 'p' });
    expect(() => encoded(codec, [message])).toThrow();
  });

  it('encodes one batch with numbers at a time, and returns the result of each once', () => {
    const codec = new HostCodec({ ...late, asynchronous }, 'to-client', { pid: 'p' });
    const outputs = new Outputs();
    const [first, second] = [[message], [createMessage('test.item', 2)]];
    for (const batch of [first, second]) expect(codec.encode(batch, 1, outputs)).toBeUndefined();
    expect(outputs.effects).toHaveLength(1);
    answerCall(outputs.takeEffects()[0], 0);
    expect(codec.encode(second, 2, outputs)).toBeUndefined();
    expect(codec.encode(first, 1, outputs)).toBe(plain.encode(first));
    answerCall(outputs.takeEffects()[0], 0);
    expect(codec.encode(second, 2, outputs)).toBe(plain.encode(second));
    expect(codec.encode(second, 2, outputs)).toBeUndefined();
  });
});

describe('encodeErrorOf', () => {
  it('returns the size of a message that an asynchronous codec has encoded for a small frame', () => {
    const codec = new HostCodec({ ...late, asynchronous }, 'to-client', { pid: 'p' });
    const large = createMessage('test.item', 'x'.repeat(500));
    const { length } = encoded(codec, [large])!;
    const outgoing = { codec, maxFrame: 400 } as unknown as Outgoing;
    expect(encodeErrorOf(large, 'json', outgoing)).toMatchObject({ code: 'ERR_FRAME_TOO_LARGE', size: length, limit: 400 - HEADER_ROOM });
  });

  it('tells that a message was too large, also if it would fit under another number', () => {
    const codec = new HostCodec(boundCodec(), 'to-client', { pid: 'p' });
    const small = createMessage('test.item', null);
    const { length } = codec.encode([small], 1)!;
    const outgoing = { codec, maxFrame: length + HEADER_ROOM } as unknown as Outgoing;
    expect(codec.encode([small], 10)).toHaveLength(length + 1);
    expect(encodeErrorOf(small, 'bound', outgoing)).toMatchObject({ code: 'ERR_FRAME_TOO_LARGE', size: length + 1, limit: length });
  });
});
