/** Both sides are done. */
export const NORMAL = 1000;
/** The server shuts down, or the page is left. */
export const GOING_AWAY = 1001;
/** The connection ended without a close frame. Never sent. */
export const ABNORMAL = 1006;
/** One side let go without a goodbye; it may come back. */
export const ABANDONED = 4000;
/** Too many frames that could not be decoded. */
export const BAD_FRAMES = 4400;
/** The credentials are missing, or worth nothing. */
export const UNAUTHORIZED = 4401;
/** They do not allow this. */
export const FORBIDDEN = 4403;
/** The first frame did not come in time. */
export const HELLO_TIMEOUT = 4408;
/** Another connection has taken over this wire. */
export const SUPERSEDED = 4409;
/** Something that was sent has not come: a new connection is to bring it. */
export const GAP = 4410;
/** Nothing was heard for too long. */
export const SILENT = 4411;
/** The peer reads too slowly: too many bytes wait for it. */
export const SLOW_READER = 4413;

/**
 * Why a connection was closed. 1000–1015 are those of RFC 6455, section 7.4.1; 4000–4999 are rxwire's own.
 * docs/protocol.md says who sends which, and when.
 */
export const CloseCode = {
  NORMAL,
  GOING_AWAY,
  PROTOCOL_ERROR: 1002,
  UNSUPPORTED_DATA: 1003,
  /** The close frame held no code. Never sent. */
  NO_STATUS: 1005,
  ABNORMAL,
  INVALID_DATA: 1007,
  POLICY_VIOLATION: 1008,
  MESSAGE_TOO_BIG: 1009,
  EXTENSION_REQUIRED: 1010,
  INTERNAL_ERROR: 1011,
  SERVICE_RESTART: 1012,
  TRY_AGAIN_LATER: 1013,
  BAD_GATEWAY: 1014,
  TLS_FAILED: 1015,
  ABANDONED,
  BAD_FRAMES,
  UNAUTHORIZED,
  FORBIDDEN,
  HELLO_TIMEOUT,
  SUPERSEDED,
  GAP,
  SILENT,
  SLOW_READER,
  /** The credentials have expired: come with fresh ones. */
  EXPIRED: 4419,
  /** Far more messages than are allowed. */
  FLOOD: 4429,
} as const;

/** One of the close codes above, as the number that travels. */
export type CloseCode = (typeof CloseCode)[keyof typeof CloseCode];

/**
 * Whether a connection that was closed with this code is worth opening again. With some codes it would end the same way, or
 * start a fight; those that are not listed are worth it.
 *
 * @example
 * console.log(isReconnectable(CloseCode.ABNORMAL), isReconnectable(CloseCode.UNAUTHORIZED)); // prints: true false
 */
export function isReconnectable(code: number): boolean {
  // Normal, protocol error, unsupported or invalid data, policy, too big, extension; bad frames, unauthorized, forbidden, superseded.
  return ![1000, 1002, 1003, 1007, 1008, 1009, 1010, 4400, 4401, 4403, 4409].includes(code);
}
