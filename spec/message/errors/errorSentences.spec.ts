import { readFileSync } from 'node:fs';
import * as errors from '../../../lib/message/errors.js';

const codes = readFileSync('lib/message/errors/errorCode.ts', 'utf8').match(/(?<=\| ')ERR_[A-Z_]+/g) ?? [];
const message = { id: 'm1', type: 'chat.said' };
const undelivered = { count: 2, ids: ['m1', 'm2'], kept: 0 };
const lost = new errors.ConnectionLostError(1006, 'ECONNREFUSED');

/** An error of each code with the fields of a real one, and further ones whose fields change the sentence. */
const samples: readonly errors.RxwireError[] = [
  new errors.AckTimeoutError('m1', 1, 5_000),
  new errors.AckTimeoutError('m1', 3, 5_000),
  new errors.CallbackError('onDead', new Error('boom')),
  ...(['completed', 'interrupted', 'failed'] as const).map((status) => new errors.ChannelEndedError('run.1', { status })),
  new errors.ChannelEndedError('run.1', { status: 'failed', reason: 'out of memory' }),
  new errors.ChannelEndedError('run.1', { status: 'incomplete', reason: 'the server no longer has all messages' }),
  ...(['log', 'presence', 'authorize', 'identify'] as const).map((part) => new errors.ChannelFailedError(part, 'run.1', new Error('boom'))),
  new errors.ChannelFailedError('log', '', undefined),
  ...(['join', 'publish', 'end', 'presence'] as const).map((action) => new errors.ChannelRefusedError('run.1', action, 'forbidden')),
  new errors.ChannelRefusedError('run.1', 'join', 'no-hub'),
  new errors.ChannelTimeoutError('run.1', 5_000),
  lost,
  new errors.ConnectionLostError(1006, ''),
  new errors.DecodeError('json', 'the text is no JSON'),
  new errors.DecryptError('m1', 'chat.said', 'the key is unknown'),
  new errors.DrainTimeoutError(undelivered, 5_000),
  ...(['overflow', 'expired', 'closed', 'evicted'] as const).map((reason) => new errors.MessageDroppedError('m1', reason)),
  new errors.EncodeError('json', 'payload.size is a BigInt', undefined, message),
  new errors.FrameTooLargeError(2_000, 1_000),
  new errors.FrameTooLargeError(2_000, 1_000, message),
  new errors.HandlerError(message, 3, new Error('boom')),
  new errors.InDoubtError('m1'),
  new errors.InvalidMessageError('message', 'must be an object'),
  new errors.InvalidPayloadError('m1', 'chat.said', 'name is missing', []),
  new errors.MiddlewareError(message, new Error('boom')),
  new errors.MessagesMissedError(1),
  new errors.MessagesMissedError(2),
  new errors.NotEncryptedError(message),
  new errors.NoWebSocketError(),
  new errors.OverflowError('open requests', 10),
  new errors.PeerGoneError(5_000),
  new errors.PoolClosedError(),
  new errors.PoolTimeoutError(5_000, 4, 3, lost),
  new errors.ProtocolError('the number is out of range'),
  new errors.ReconnectGivenUpError(3, lost),
  new errors.MessageRefusedError('m1', 'ERR_HANDLER', ''),
  new errors.MessageRefusedError('m1', 'ERR_CHANNEL_REFUSED', 'forbidden'),
  new errors.ReplyError('ERR_NO_FILE', ''),
  new errors.ReplyError('ERR_NO_FILE', 'there is no such file'),
  new errors.RequestTimeoutError('m1', 5_000),
  new errors.RequestTimeoutError('m1', 5_000, 'file.read'),
  new errors.SessionLostError(),
  ...(['quota', 'fenced', 'evicted', 'corrupt', 'failed', 'unopened'] as const).map((fault) => new errors.StoreError('lmdb', fault)),
  new errors.StreamClosedError('file', 'the other side has destroyed it'),
  new errors.UnauthorizedError(4401, 'the credentials were not accepted'),
  new errors.UndeliveredError({ ...undelivered, kept: 1 }),
  new errors.UnhandledError(message),
  new errors.UnsupportedError('this runtime has no Web Crypto'),
  new errors.WireClosedError('m1', lost),
  new errors.WireClosedError(),
];

describe('The sentences for developers', () => {
  it('are read here with the fields of a real error, for each code', () => {
    expect([...new Set(samples.map(({ code }) => code))].sort()).toEqual([...codes].sort());
  });

  it.each(samples.map((error) => [error.text] as const))('%s', (text) => {
    expect(text).not.toMatch(/undefined|null|\(\)|: $|: ?:| {2}|\b1 (times|messages)\b/);
    expect(text).toMatch(
      /\b(is|are|was|were|has|have|did|does|cannot|ended|exceeds|refused|rejected|violated|failed|invalid|contains|exists)\b/,
    );
  });

  it('name how a channel has ended', () => {
    const textOf = (status: 'completed' | 'failed' | 'interrupted' | 'incomplete', reason?: string): string =>
      new errors.ChannelEndedError('run.1', { status, ...(reason !== undefined && { reason }) }).text;
    expect(textOf('completed')).toBe('the channel run.1 has ended, and accepts no more messages');
    expect(textOf('failed', 'out of memory')).toBe('the channel run.1 has failed: out of memory');
    expect(textOf('interrupted')).toBe('the channel run.1 was interrupted');
    expect(textOf('incomplete', 'it was removed')).toBe('the channel run.1 has ended, and this reader has missed messages: it was removed');
  });
});
