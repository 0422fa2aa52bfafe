import { readFileSync } from 'node:fs';
import * as errors from '../../../lib/message/errors.js';
import { RxwireError } from '../../../lib/message/errors.js';
import { sentenceOf } from '../../../lib/message/errors/sentenceOf.js';
import type { ErrorCode } from '../../../lib/message/errors/errorCode.js';

const codes = readFileSync('lib/message/errors/errorCode.ts', 'utf8').match(/(?<=\| ')ERR_[A-Z_]+/g) as ErrorCode[];
const OTHER = 'Something went wrong. Try again.';

/** The fields that choose a sentence, for each code that has several sentences. */
const variants: Readonly<Partial<Record<ErrorCode, readonly object[]>>> = {
  ERR_CHANNEL_ENDED: ['completed', 'failed', 'interrupted', 'incomplete'].map((status) => ({ status })),
  ERR_CHANNEL_REFUSED: [
    'forbidden',
    'limit',
    'full',
    'too-large',
    'unsupported',
    'not-encrypted',
    'invalid',
    'ended',
    'removed',
    'no-hub',
    'failed',
  ].map((reason) => ({ reason })),
  ERR_CONNECTION_LOST: [1000, 1006, 1013, 4400, 4409, 4413].map((closeCode) => ({ closeCode, reason: 'the hub.1 has died' })),
  ERR_DRAIN_TIMEOUT: [{ count: 2, kept: 2, ids: ['m1'] }, { count: 2, kept: 1, ids: ['m1'] }], // prettier-ignore
  ERR_DROPPED: ['overflow', 'expired', 'closed', 'evicted'].map((reason) => ({ reason })),
  ERR_REFUSED: [
    { remoteCode: 'ERR_HANDLER', reason: 'the handler of m1 has failed' },
    { remoteCode: '1009', reason: 'three connections were closed' },
    { remoteCode: 'ERR_CHANNEL_REFUSED', reason: 'full' },
  ],
  ERR_REPLY: ['ERR_INTERNAL', 'ERR_UNKNOWN', 'ERR_MEMBER_LEFT', 'ERR_DROPPED'].map((remoteCode) => ({
    remoteCode,
    reason: 'the wire m1 has left',
  })),
  ERR_STORE: ['quota', 'fenced', 'evicted', 'corrupt', 'failed', 'unopened'].map((fault) => ({ fault, store: 'lmdb' })),
  ERR_UNAUTHORIZED: [4401, 4403].map((closeCode) => ({ closeCode, reason: 'the credentials were not accepted' })),
};
const cases = codes.flatMap((code) => (variants[code] ?? [{}]).map((fields) => [code, fields] as const));

describe('sentenceOf', () => {
  it.each(cases)('has a sentence for %s %j, without codes, names and words of a library', (code, fields) => {
    const error = new RxwireError(code, { channel: 'room.1', id: 'm1', type: 'chat.said', timeout: 5_000, ...fields });
    const sentence = sentenceOf(error);
    expect(sentence).toMatch(/^[A-Z][a-z ,]+(: [a-z ]+)?\.( [A-Z][a-z ,]+\.)?$/);
    expect(sentence).not.toMatch(
      /\b(wire|channel|hub|message|session|codec|frame|payload|ack|outbox|queue|handler|socket|pool|log|token|credentials)/i,
    );
    expect(sentence).not.toBe(OTHER);
  });

  it('says what has happened, and what the person can do', () => {
    expect(sentenceOf(new errors.ConnectionLostError(1006, 'ECONNREFUSED'))).toBe('The connection was lost. It is being restored.');
    expect(sentenceOf(new errors.ConnectionLostError(4409, ''))).toMatch(/^The app is open in another window\./);
    expect(sentenceOf(new errors.ChannelRefusedError('room.1', 'join', 'forbidden'))).toBe('You are not allowed to do this.');
    expect(sentenceOf(new errors.UnauthorizedError(4401, ''))).toMatch(/Sign in again\.$/);
    expect(sentenceOf(new errors.UndeliveredError({ count: 1, ids: ['m1'], kept: 1 }))).toMatch(/when you open the app again\.$/);
  });

  it.each<readonly [what: string, error: RxwireError, sentence: string]>([
    ['authorize, for a join', new errors.ChannelRefusedError('room.1', 'join', 'this room is for members'), 'This room is for members.'],
    ['authorize, for a message', new errors.MessageRefusedError('m1', 'ERR_CHANNEL_REFUSED', 'too long!'), 'Too long!'],
    ['leave', new errors.ChannelRefusedError('room.1', 'join', 'banned'), 'Banned.'],
    ['a ReplyError', new errors.ReplyError('ERR_NO_FILE', 'there is\n no such file'), 'There is no such file.'],
    [
      'end',
      new errors.ChannelEndedError('run.1', { status: 'failed', reason: 'out of memory' }),
      'This ended before it was complete: out of memory.',
    ],
    [
      'interrupt',
      new errors.ChannelEndedError('run.1', { status: 'interrupted', reason: 'Ein Neustart.' }),
      'This ended before it was complete: Ein Neustart.',
    ],
  ])('shows the reason of the application: %s', (_, error, sentence) => {
    expect(sentenceOf(error)).toBe(sentence);
  });

  it('shows no code that an application gives as its reason, and no endless text of the other side', () => {
    expect(sentenceOf(new errors.ReplyError('ERR_NO_FILE', 'ERR_NO_FILE'))).toBe('The server could not do this. Try again later.');
    expect(sentenceOf(new errors.ReplyError('ERR_NO_FILE', ''))).toBe('The server could not do this. Try again later.');
    expect(sentenceOf(new errors.ReplyError('ERR_NO_FILE', 'x'.repeat(9_999)))).toHaveLength(257);
  });

  it.each([undefined, null, 'ENOENT: /srv/secret', 7, {}, new Error('ERR_ODD'), { code: 'ENOENT' }, { code: 'toString' }])(
    'has one sentence for a value that is no error of rxwire: %p',
    (value) => {
      expect(sentenceOf(value)).toBe(OTHER);
    },
  );

  it('knows an error of another copy of the package by its code', () => {
    expect(sentenceOf(Object.assign(new Error('no'), { code: 'ERR_SESSION_LOST' }))).toBe(sentenceOf(new errors.SessionLostError()));
  });

  it('takes texts of the application in place of its own', () => {
    const german = {
      ERR_SESSION_LOST: 'Bitte neu laden.',
      ERR_CHANNEL_ENDED: 'Das wurde abgebrochen.',
      ERR_DROPPED: (error: RxwireError) =>
        error instanceof errors.MessageDroppedError && error.reason === 'expired' ? 'Zu spät.' : 'Nicht gesendet.',
      other: 'Etwas ging schief.',
    };
    expect(sentenceOf(new errors.SessionLostError(), german)).toBe('Bitte neu laden.');
    expect(sentenceOf(new errors.ChannelEndedError('run.1', { status: 'failed', reason: 'kein Speicher' }), german)).toBe(
      'Das wurde abgebrochen: kein Speicher.',
    );
    expect(sentenceOf(new errors.MessageDroppedError('m1', 'expired'), german)).toBe('Zu spät.');
    expect(sentenceOf(new errors.MessageDroppedError('m1', 'overflow'), german)).toBe('Nicht gesendet.');
    expect(sentenceOf(new errors.ChannelRefusedError('room.1', 'join', 'nur für Mitglieder'), german)).toBe('Nur für Mitglieder.');
    expect(sentenceOf(new Error('boom'), german)).toBe('Etwas ging schief.');
    expect(sentenceOf(new errors.InDoubtError('m1'), german)).toMatch(/^It is not known/);
  });
});
