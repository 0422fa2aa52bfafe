/** Both sides are done. */
export const NORMAL = 1000;
/** The server shuts down, or the page is left. */
export const GOING_AWAY = 1001;
/** Frames of a kind that the receiver does not accept. */
export const UNSUPPORTED_DATA = 1003;
/** The connection ended without a close frame. Never sent. */
export const ABNORMAL = 1006;
/** The server failed. */
export const INTERNAL_ERROR = 1011;
/** The server is too busy: the client should try again later. */
export const TRY_AGAIN_LATER = 1013;
/** A server behind a proxy gave no valid answer. */
export const BAD_GATEWAY = 1014;
/** One side has abandoned the connection; it may return. */
export const ABANDONED = 4000;
/** A frame was larger than the receiver allows. */
export const MESSAGE_TOO_BIG = 1009;
/** Too many frames that could not be decoded. */
export const BAD_FRAMES = 4400;
/** The credentials are missing or invalid. */
export const UNAUTHORIZED = 4401;
/** The credentials do not allow this. */
export const FORBIDDEN = 4403;
/** The first frame did not arrive in time. */
export const HANDSHAKE_TIMEOUT = 4408;
/** Another connection has taken over this wire. */
export const SUPERSEDED = 4409;
/** A frame is missing: it is sent again over a new connection. */
export const GAP = 4410;
/** The peer was silent for too long. */
export const SILENT = 4411;
/** The peer reads too slowly: too many bytes wait for it. */
export const SLOW_READER = 4413;
/** The credentials have expired: the client should reconnect with fresh ones. */
export const EXPIRED = 4419;

/**
 * The reasons for closing a connection: 1000 to 1015 as in RFC 6455, section 7.4.1; rxwire defines
 * 4000 to 4999. docs/protocol.md defines which side sends which code, and when.
 */
export const CloseCode = {
  NORMAL,
  GOING_AWAY,
  PROTOCOL_ERROR: 1002,
  UNSUPPORTED_DATA,
  /** The close frame held no code. Never sent. */
  NO_STATUS: 1005,
  ABNORMAL,
  INVALID_DATA: 1007,
  POLICY_VIOLATION: 1008,
  MESSAGE_TOO_BIG,
  EXTENSION_REQUIRED: 1010,
  INTERNAL_ERROR,
  SERVICE_RESTART: 1012,
  TRY_AGAIN_LATER,
  BAD_GATEWAY,
  TLS_FAILED: 1015,
  ABANDONED,
  BAD_FRAMES,
  UNAUTHORIZED,
  FORBIDDEN,
  HANDSHAKE_TIMEOUT,
  SUPERSEDED,
  GAP,
  SILENT,
  SLOW_READER,
  EXPIRED,
  /** Far more messages than are allowed. */
  FLOOD: 4429,
} as const;

/** One of the close codes above, as the number that is transmitted. */
export type CloseCode = (typeof CloseCode)[keyof typeof CloseCode];

/**
 * Returns whether reconnecting makes sense after this close code. After some codes the new
 * connection would be closed, too, or two clients would close each other's connections.
 *
 * @example
 * import { CloseCode, isReconnectable } from 'rxwire';
 *
 * console.log(isReconnectable(CloseCode.ABNORMAL), isReconnectable(CloseCode.UNAUTHORIZED)); // prints: true false
 */
export function isReconnectable(code: number): boolean {
  // Normal, unsupported, policy, size, extension; bad frames, unauthorized, forbidden, superseded.
  return ![1000, 1003, 1008, 1009, 1010, 4400, 4401, 4403, 4409].includes(code);
}

/**
 * Returns a sentence that explains a close code: which side has closed the connection, and why.
 *
 * @example
 * import { CloseCode, explainCloseCode } from 'rxwire';
 *
 * console.log(explainCloseCode(CloseCode.SILENT)); // prints: nothing arrived for two ping intervals, so the connection was taken for dead
 */
export function explainCloseCode(code: number): string {
  return EXPLANATIONS[code] ?? `the close code ${code} is not one of rxwire: the application or a proxy has chosen it`;
}

const EXPLANATIONS: Readonly<Record<number, string>> = {
  1000: 'one side has closed the connection normally, because it was done',
  1001: 'the server stops or restarts, or the page was left',
  1002: 'one side has sent something that the WebSocket protocol does not allow',
  1003: 'the client and the server have no codec, or no transport, in common',
  1005: 'the other side has closed the connection without a code',
  1006: 'the connection ended without a close frame, or could not be opened: the network failed, or the other process died or does not run',
  1007: 'one side has sent text that is not valid UTF-8',
  1008: 'the client has broken a rule of the server or of a proxy',
  1009: 'a frame was larger than the limit of the receiver: see the option "maxFrame"',
  1010: 'the server lacks a WebSocket extension that the client needs',
  1011: 'the server or its store has failed: its log says why',
  1012: 'the server restarts, and will soon accept connections again',
  1013: 'the server is overloaded, could not check the credentials, or the principal has too many connections: try again later',
  1014: 'a proxy did not get a valid answer from the server',
  1015: 'the TLS handshake failed: check the certificate of the server',
  4000: 'one side has ended its wire, or let go of the connection, without draining; the client may return',
  4400: 'one side has violated the protocol, or sent several frames in a row that could not be decoded',
  4401: 'the credentials are missing or not valid: check the option "token"',
  4403: 'the credentials do not permit this, or the session belongs to another principal',
  4408: 'the handshake took too long: see the option "handshakeTimeout"',
  4409: 'a newer connection or another owner of the same outbox has taken over, as another tab does',
  4410: 'a frame was missing or not readable: a new connection sends it again',
  4411: 'nothing arrived for two ping intervals, so the connection was taken for dead',
  4413: 'the receiver read too slowly: too many bytes have waited for it',
  4419: 'the credentials have expired: the client must connect with fresh ones',
  4429: 'the client has sent far more than the server allows: see the option "rateLimit"',
};
