import { ReplyError } from 'rxwire';

/** The meaning of each error code for the people at this page. */
const words: Readonly<Record<string, string>> = {
  ERR_ACK_TIMEOUT: 'The server did not confirm a message in time. It may have arrived.',
  ERR_CALLBACK: 'A part of this page has failed. The connection goes on.',
  ERR_CHANNEL_ENDED: 'What this page was reading has ended.',
  ERR_CHANNEL_FAILED: 'The server cannot keep messages just now. It tries again.',
  ERR_CHANNEL_REFUSED: 'The server did not accept this.',
  ERR_CHANNEL_TIMEOUT: 'The server is slow to answer. The page asks again.',
  ERR_CONNECTION_LOST: 'The connection was lost.',
  ERR_DECODE: 'A message could not be read, and was set aside.',
  ERR_DECRYPT: 'A message could not be decrypted, and was set aside.',
  ERR_DRAIN_TIMEOUT: 'The page was closed before the server had confirmed everything.',
  ERR_DROPPED: 'A message was given up before it was sent.',
  ERR_ENCODE: 'A message holds something that cannot be sent.',
  ERR_FRAME_TOO_LARGE: 'A message is too large to be sent.',
  ERR_HANDLER: 'A message could not be processed, and was set aside.',
  ERR_IN_DOUBT: 'The server may or may not have had a message. It was not sent again.',
  ERR_INVALID_MESSAGE: 'Something that is no message was not sent.',
  ERR_INVALID_PAYLOAD: 'A message does not have the expected content, and was set aside.',
  ERR_MIDDLEWARE: 'A message could not be processed, and was set aside.',
  ERR_MISSED: 'The server gave up messages that were too old. The page reads them from the log.',
  ERR_NO_WEBSOCKET: 'This browser has no WebSocket. Choose another transport.',
  ERR_NOT_ENCRYPTED: 'A message that should be encrypted is not, and was not sent.',
  ERR_OVERFLOW: 'Too many messages wait. The latest was not taken.',
  ERR_PEER_GONE: 'The other side was away for too long.',
  ERR_POOL_CLOSED: 'There is no connection to send with.',
  ERR_POOL_TIMEOUT: 'No connection was free in time.',
  ERR_PROTOCOL: 'The server sent something unexpected. The page reconnects.',
  ERR_RECONNECT_GIVEN_UP: 'The server cannot be reached. Reload to try again.',
  ERR_REFUSED: 'The server did not accept a message.',
  ERR_REPLY: 'The server could not do this.',
  ERR_REQUEST_TIMEOUT: 'The server did not answer in time. Try again.',
  ERR_SESSION_LOST: 'The server has forgotten this page. A new session goes on: sent messages again, output from the log.',
  ERR_STORE: 'The messages could not be stored.',
  ERR_STREAM_CLOSED: 'The other side has closed the stream.',
  ERR_UNAUTHORIZED: 'The server does not let this page in.',
  ERR_UNDELIVERED: 'The page was closed before everything was delivered.',
  ERR_UNHANDLED: 'A message came that this page does not know.',
  ERR_UNSUPPORTED: 'The server and this page do not support the same things.',
  ERR_WIRE_CLOSED: 'The connection has ended. Reload the page.',
};

/** Returns what to tell people about an error: a sentence, without its code. */
export function wordsFor(error: unknown): string {
  // The server has written these for people.
  if (error instanceof ReplyError) return error.reason;
  const { code, message, text = message } = Object(error) as Readonly<Record<'code' | 'message' | 'text', unknown>>;
  const known = typeof code === 'string' ? words[code] : undefined;
  return known ?? String(text ?? error).replace(/\bERR_[A-Z_]+(: )?/g, '');
}
