import type { ErrorCode } from './errorCode.js';

/** The fields of an error, and its cause: the facts of which a sentence is made. */
type Facts = Readonly<Record<string, string | number | undefined>> & {
  readonly cause?: unknown;
  readonly ids?: readonly string[];
  readonly isOpen?: boolean;
};

const DROPPED: Readonly<Record<string, string>> = {
  overflow: 'the queue was full',
  expired: 'its ttl has passed',
  closed: 'the wire has ended',
  evicted: 'the store of dead letters was full',
};

const FAULTS: Readonly<Record<string, string>> = {
  quota: 'has no room',
  fenced: 'has another owner now',
  evicted: 'has lost its data',
  corrupt: 'contains an unreadable record',
  failed: 'cannot be used',
  unopened: 'was not opened before the wire ended',
};

const ACTIONS: Readonly<Record<string, string>> = {
  join: 'join',
  publish: 'publish to',
  end: 'end',
  presence: 'update its presence in',
};

const ENDS: Readonly<Record<string, string>> = {
  completed: 'has ended, and accepts no more messages',
  failed: 'has failed',
  interrupted: 'was interrupted',
  incomplete: 'has ended, and this reader has missed messages',
};

const PARTS: Readonly<Record<string, string>> = {
  log: 'the log',
  presence: 'the shared presence',
  authorize: 'the function "authorize"',
  identify: 'the function "identify"',
};

/** The maximum number of ids in a sentence. */
const MAX_IDS = 3;

/** The sentence of each error: what was expected, and what was found. */
const SENTENCES: Readonly<Record<ErrorCode, (facts: Facts) => string>> = {
  ERR_ACK_TIMEOUT: ({ id, attempts, timeout }) =>
    `the message ${id} was sent ${attempts === 1 ? 'once' : `${attempts} times`}, and no ack arrived within ${timeout} ms`,
  ERR_CALLBACK: ({ callback }) => `the function "${callback}" of the application has failed`,
  ERR_CHANNEL_ENDED: ({ channel, status = '', reason }) => `the channel ${channel} ${ENDS[status]}${after(reason)}`,
  ERR_CHANNEL_FAILED: ({ part = '', channel, cause }) =>
    `${PARTS[part]} of the hub has failed${channel ? ` for the channel ${channel}` : ''}${becauseOf(cause)}`,
  ERR_CHANNEL_REFUSED: ({ channel, action = '', reason }) =>
    reason === 'no-hub'
      ? `this client cannot ${ACTIONS[action]} the channel ${channel}: the server has no hub that serves this wire`
      : `the hub refused to let this client ${ACTIONS[action]} the channel ${channel}: ${reason}`,
  ERR_CHANNEL_TIMEOUT: ({ channel, timeout }) =>
    `the server did not answer a request of the channel ${channel} within ${timeout} ms. It has no hub that serves this wire, or its hub is slow`,
  ERR_CONNECTION_LOST: ({ closeCode, reason }) => `the connection ended (${closeCode})${after(reason)}`,
  ERR_DECODE: ({ codec, reason }) => `the codec ${codec} cannot decode a frame: ${reason}`,
  ERR_DECRYPT: ({ id, type, reason }) => `the payload of the message ${id} (${type}) cannot be decrypted: ${reason}`,
  ERR_DRAIN_TIMEOUT: (facts) => undelivered(facts, ` within ${facts['timeout']} ms after the wire was completed`),
  ERR_DROPPED: ({ id, reason = '', cause }) => `the message ${id} was dropped: ${DROPPED[reason]}${becauseOfWire(cause)}`,
  ERR_ENCODE: ({ codec, id, type, reason }) =>
    `the codec ${codec} cannot encode ${id === undefined ? 'a message' : `the message ${id} (${type})`}: ${reason}${hintOf(codec, reason)}`,
  ERR_FRAME_TOO_LARGE: ({ size, limit, id, type }) =>
    `${id === undefined ? 'a frame' : `the message ${id} (${type})`} of ${size} bytes exceeds the limit of ${limit} bytes ("maxFrame")`,
  ERR_HANDLER: ({ id, type, attempts }) => `the handler of the message ${id} (${type}) has failed: attempt ${attempts} was the last one`,
  ERR_IN_DOUBT: ({ id }) => `the message ${id} was not sent again: the other side may have processed it`,
  ERR_INVALID_MESSAGE: ({ path, reason }) => `invalid message: ${path} ${reason}`,
  ERR_INVALID_PAYLOAD: ({ id, type, reason }) => `the payload of the message ${id} (${type}) is invalid: ${reason}`,
  ERR_MIDDLEWARE: ({ id, type }) => `a middleware has failed for the message ${id} (${type})`,
  ERR_MISSED: ({ count }) => `the other side has dropped ${count} undelivered ${count === 1 ? 'message' : 'messages'}`,
  ERR_NOT_ENCRYPTED: ({ id, type, reason }) => `the message ${id} (${type}) was not sent: ${reason}`,
  ERR_NO_WEBSOCKET: ({ reason }) => `this runtime has no WebSocket: ${reason}`,
  ERR_OVERFLOW: ({ buffer, limit }) => `${buffer}: the limit of ${limit} is reached`,
  ERR_PEER_GONE: ({ timeout }) => `the client did not reconnect within ${timeout} ms`,
  ERR_POOL_CLOSED: () => 'the pool is destroyed and has no wires',
  ERR_POOL_TIMEOUT: ({ timeout, leased, size, cause }) =>
    `no wire became free within ${timeout} ms: ${leased} of ${size} are in use${becauseOf(cause)}`,
  ERR_PROTOCOL: ({ reason }) => `the peer violated the protocol: ${reason}`,
  ERR_RECONNECT_GIVEN_UP: ({ attempts, cause }) => `the wire did not reconnect: attempt ${attempts} was the last one${becauseOf(cause)}`,
  ERR_REFUSED: ({ id, reason }) => `the other side refused the message ${id}${after(reason)}`,
  ERR_REPLY: ({ remoteCode, reason }) => `the request failed at the other side with ${remoteCode}${after(reason)}`,
  ERR_REQUEST_TIMEOUT: ({ id, timeout, type }) =>
    type === undefined
      ? `the other side did not answer the request ${id} within ${timeout} ms`
      : `the other side did not answer the request ${id} (${type}) within ${timeout} ms. It has no handler for this type, or its handler is slow`,
  ERR_SESSION_LOST: () => 'the other side has forgotten this session: its undelivered messages are lost',
  ERR_STORE: ({ store, fault = '' }) => `the store ${store} ${FAULTS[fault]}`,
  ERR_STREAM_CLOSED: ({ stream, reason }) => `the stream "${stream}" was closed before its end: ${reason}`,
  ERR_UNAUTHORIZED: ({ closeCode, reason }) => `the server rejected this client (${closeCode})${after(reason)}`,
  ERR_UNDELIVERED: (facts) => undelivered(facts, facts.isOpen ? '' : ' before the wire ended'),
  ERR_UNHANDLED: ({ id, type }) => `no handler exists for the message ${id} (${type})`,
  ERR_UNSUPPORTED: ({ reason }) => `${reason}`,
  ERR_WIRE_CLOSED: ({ id, cause }) => `the wire has ended${becauseOfWire(cause)}, and cannot send ${id ?? 'the rest'}`,
};

/** Returns the sentence of an error, for developers; `sentenceOf` returns one for users. */
export function developerSentence(code: ErrorCode, facts: object): string {
  return SENTENCES[code](facts as Facts);
}

/** The values that JSON has no form for, and MessagePack has. */
const OF_MSGPACK = /: (Uint8Array|Map|Set|bigint|NaN|-?Infinity)$/;

/** Returns the codec that supports a value that `json()` does not. */
function hintOf(codec: string | number | undefined, reason: string | number | undefined): string {
  const [, kind] = /^(json|protobuf)\b/.test(String(codec)) ? (OF_MSGPACK.exec(String(reason)) ?? []) : [];
  return kind === undefined ? '' : `. The codec msgpack() supports ${kind === 'bigint' ? 'a bigint of 64 bits' : kind}`;
}

const after = (reason: string | number | undefined): string => (reason ? `: ${reason}` : '');

function undelivered({ count = 0, ids = [], kept = 0 }: Facts, end: string): string {
  const shown = ids.slice(0, MAX_IDS);
  const names = `${shown.join(', ')}${Number(count) > shown.length ? ', …' : ''}`;
  const rest = Number(kept) > 0 ? `. The outbox keeps ${kept} of them for the next wire` : '';
  return `${count === 1 ? '1 message was' : `${count} messages were`} not delivered${end} (${names})${rest}`;
}

/** An error of rxwire has its sentence in a field, without the address of the heading. */
const textOf = (error: Error): string => (error as Partial<Record<'text', string>>).text ?? error.message;

/** Returns `: ` and the text of a cause, which may contain paths: not for the other side. */
function becauseOf(cause: unknown): string {
  return cause instanceof Error ? `: ${textOf(cause)}` : '';
}

/** Like {@link becauseOf}, in brackets, only for errors of rxwire: their texts have no paths. */
function becauseOfWire(cause: unknown): string {
  const { text } = Object(cause) as { readonly text?: string };
  return cause instanceof Error && text !== undefined ? ` (${text})` : '';
}
