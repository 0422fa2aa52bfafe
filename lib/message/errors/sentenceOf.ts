import { FORBIDDEN, isReconnectable, SUPERSEDED } from '../closeCode.js';
import type { ChannelRefusal } from '../channelTypes.js';
import type { ErrorCode } from './errorCode.js';
import type { RxwireError } from './rxwireError.js';

/**
 * Texts for people in place of those of {@link sentenceOf}, as in another language: by the code of
 * the error, and `other` for a value that is no error of rxwire. A function chooses a text by the
 * fields of the error.
 */
export type Sentences = { readonly [Code in ErrorCode]?: string | ((error: RxwireError) => string) } & { readonly other?: string };

/** The fields of an error that choose its sentence. The other side has chosen some of them. */
type Facts = Readonly<Record<'code' | 'reason' | 'remoteCode' | 'status' | 'fault' | 'closeCode' | 'count' | 'kept', unknown>>;

// A bundler keeps each table with a template literal, also for an importer of other functions.
const SERVER_FAILED = 'The server has a problem. Try again later.';
const CHANGE_IT = 'This cannot be sent. Change it, and try again.';
const TOO_LARGE = 'This is too large. Send less at once.';
const NOT_ENCRYPTED = 'This was not sent, because it is not encrypted.';
const TOO_MUCH = 'Too much is going on at once. Wait a moment, and try again.';
const UNREADABLE = 'The app has received something that it cannot read. Reload the page.';
const UNPROCESSED = 'The app has received something that it could not process. Reload the page.';
const NOT_ALLOWED = 'You are not allowed to do this.';
const ENDED = 'This has ended, and accepts nothing more.';
const DISCONNECTED = 'The connection has ended. Reload the page.';
const OUTDATED = 'The app does not work with this server. Reload the page.';
const OTHER_WINDOW = 'The app is open in another window. Close one of them, and reload the page.';

/** The maximum number of characters of a reason. */
const MAX_REASON = 256;
/** Codes of answers that no application has chosen, beside those of errors. */
const MEMBER_LEFT = 'ERR_MEMBER_LEFT';
const NO_REASON: readonly unknown[] = ['ERR_INTERNAL', 'ERR_UNKNOWN', MEMBER_LEFT];

const REFUSALS: Readonly<Record<ChannelRefusal, string>> = {
  forbidden: NOT_ALLOWED,
  limit: 'You have too much open at once. Close something, and try again.',
  full: 'There is no room for you at the moment. Try again later.',
  'too-large': TOO_LARGE,
  unsupported: CHANGE_IT,
  'not-encrypted': NOT_ENCRYPTED,
  invalid: CHANGE_IT,
  ended: ENDED,
  removed: 'You have been removed.',
  'no-hub': SERVER_FAILED,
  failed: SERVER_FAILED,
};

const DROPS: Readonly<Record<string, string>> = {
  overflow: 'Too much was waiting to be sent. Send this again.',
  expired: 'This was not sent in time. Send it again if it still matters.',
  closed: 'The connection ended before this was confirmed. Check this before you send it again.',
};

const FAULTS: Readonly<Record<string, string>> = {
  quota: 'This device has no room left. Free some space, and try again.',
  fenced: OTHER_WINDOW,
};

const unsent = ({ count, kept }: Facts): string =>
  count === kept
    ? 'Not everything was sent. The rest will be sent when you open the app again.'
    : 'Not everything was sent. Check this before you send it again.';

const SENTENCES: Readonly<Record<ErrorCode, string | ((facts: Facts) => string)>> = {
  ERR_ACK_TIMEOUT: 'The server did not confirm this in time. Check this before you send it again.',
  ERR_CALLBACK: 'The app has a problem. Reload the page.',
  ERR_CHANNEL_ENDED: ({ status }) =>
    status === 'completed' ? ENDED : status === 'incomplete' ? 'This has ended, and a part of it is no longer available.' : 'This ended before it was complete.', // prettier-ignore
  ERR_CHANNEL_FAILED: SERVER_FAILED,
  ERR_CHANNEL_REFUSED: ({ reason }) => refusal(reason),
  ERR_CHANNEL_TIMEOUT: 'The server did not answer in time. Wait a moment, and try again.',
  ERR_CONNECTION_LOST: ({ closeCode }) =>
    closeCode === SUPERSEDED
      ? OTHER_WINDOW
      : isReconnectable(Number(closeCode))
        ? 'The connection was lost. It is being restored.'
        : DISCONNECTED,
  ERR_DECODE: UNREADABLE,
  ERR_DECRYPT: 'The app has received something that it cannot decrypt. Ask for it to be sent again.',
  ERR_DRAIN_TIMEOUT: unsent,
  ERR_DROPPED: ({ reason }) => DROPS[String(reason)] ?? UNPROCESSED,
  ERR_ENCODE: CHANGE_IT,
  ERR_FRAME_TOO_LARGE: TOO_LARGE,
  ERR_HANDLER: UNPROCESSED,
  ERR_IN_DOUBT: 'It is not known whether this has arrived. Check this before you send it again.',
  ERR_INVALID_MESSAGE: CHANGE_IT,
  ERR_INVALID_PAYLOAD: UNREADABLE,
  ERR_MIDDLEWARE: UNPROCESSED,
  ERR_MISSED: 'Something that was sent to you has not arrived. Reload the page.',
  ERR_NO_WEBSOCKET: 'This browser cannot connect to the server. Use a newer one.',
  ERR_NOT_ENCRYPTED: NOT_ENCRYPTED,
  ERR_OVERFLOW: TOO_MUCH,
  ERR_PEER_GONE: 'The other side was away for too long. Wait until it returns.',
  ERR_POOL_CLOSED: DISCONNECTED,
  ERR_POOL_TIMEOUT: TOO_MUCH,
  ERR_PROTOCOL: OUTDATED,
  ERR_RECONNECT_GIVEN_UP: 'The server cannot be reached. Check your connection, and reload the page.',
  ERR_REFUSED: ({ remoteCode, reason }) =>
    remoteCode === 'ERR_CHANNEL_REFUSED'
      ? refusal(reason)
      : remoteCode === '1009'
        ? TOO_LARGE
        : 'The server did not accept this. Try again later.',
  ERR_REPLY: ({ remoteCode }) =>
    remoteCode === MEMBER_LEFT ? 'The other person has left.' : 'The server could not do this. Try again later.',
  ERR_REQUEST_TIMEOUT: 'The server did not answer in time. Check whether this was done before you try again.',
  ERR_SESSION_LOST: 'You were away for too long, and may have missed something. Reload the page.',
  ERR_STORE: ({ fault }) =>
    FAULTS[String(fault)] ?? 'This device cannot store anything for the app. Keep the page open until everything is sent.',
  ERR_STREAM_CLOSED: 'The transfer ended before it was complete. Start it again.',
  ERR_UNAUTHORIZED: ({ closeCode }) =>
    closeCode === FORBIDDEN ? 'You are not allowed to do this. Sign in with another account.' : 'You are not signed in. Sign in again.',
  ERR_UNDELIVERED: unsent,
  ERR_UNHANDLED: OUTDATED,
  ERR_UNSUPPORTED: OUTDATED,
  ERR_WIRE_CLOSED: DISCONNECTED,
};

/**
 * Returns what to tell the person who uses the application: what has happened, and what the person
 * can do. There are no codes, names or ids in it, also in a bundle for production. The reason that
 * the application has given itself is the sentence, or its end: the `reason` of `authorize`, the
 * text of a `ReplyError` with a code of your own, the reason of `end`.
 *
 * @param error Any value. A value that is no error of rxwire has the sentence `other`.
 * @param sentences Your own texts, such as those of another language.
 * @example
 * import { ConnectionLostError, ReplyError, sentenceOf } from 'rxwire';
 *
 * console.log(sentenceOf(new ConnectionLostError(1006, ''))); // prints: The connection was lost. It is being restored.
 * console.log(sentenceOf(new ReplyError('ERR_SOLD_OUT', 'there is no tea left'))); // prints: There is no tea left.
 * console.log(sentenceOf(new TypeError('x is undefined'))); // prints: Something went wrong. Try again.
 */
export function sentenceOf(error: unknown, sentences: Sentences = {}): string {
  const facts = Object(error) as Facts;
  if (!isCode(facts.code)) return sentences.other ?? 'Something went wrong. Try again.';
  const reason = ownReason(facts);
  if (reason !== '' && facts.code !== 'ERR_CHANNEL_ENDED') return asSentence(reason);
  const text: string | ((error: never) => string) = sentences[facts.code] ?? SENTENCES[facts.code];
  const sentence = typeof text === 'string' ? text : text(error as never);
  return reason === '' ? sentence : asSentence(`${sentence.replace(/[.。]$/, '')}: ${reason}`);
}

function isCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(SENTENCES, code);
}

function refusal(reason: unknown): string {
  return isRefusal(reason) ? REFUSALS[reason] : NOT_ALLOWED;
}

function isRefusal(reason: unknown): reason is ChannelRefusal {
  return Object.hasOwn(REFUSALS, String(reason));
}

/** Returns the reason that the application has given; empty if rxwire has chosen the reason. */
function ownReason({ code, remoteCode, status, reason }: Facts): string {
  const isOwn =
    code === 'ERR_CHANNEL_ENDED'
      ? status !== 'incomplete'
      : code === 'ERR_CHANNEL_REFUSED' || (code === 'ERR_REFUSED' && remoteCode === 'ERR_CHANNEL_REFUSED')
        ? !isRefusal(reason)
        : code === 'ERR_REPLY' && !isCode(remoteCode) && !NO_REASON.includes(remoteCode);
  const text = isOwn && typeof reason === 'string' ? reason.replace(/[\p{Cc}\s]+/gu, ' ').trim().slice(0, MAX_REASON) : ''; // prettier-ignore
  // A code is no text for people.
  return /^[A-Z\d]+(_[A-Z\d]+)+$/.test(text) ? '' : text;
}

/** Begins a text with a capital, and ends it with a full stop if it has no other end. */
function asSentence(text: string): string {
  const [first = ''] = text;
  return `${first.toUpperCase()}${text.slice(first.length)}${/\p{P}$/u.test(text) ? '' : '.'}`;
}
