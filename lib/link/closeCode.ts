/**
 * Why a connection was closed. 1000–1015 are those of RFC 6455, section 7.4.1; 4000–4999 are rxwire's own.
 * docs/protocol.md says who sends which, and when.
 */
export const CloseCode = {
  /** Both sides are done. */
  NORMAL: 1000,
  /** The server shuts down, or the page is left. */
  GOING_AWAY: 1001,
  PROTOCOL_ERROR: 1002,
  UNSUPPORTED_DATA: 1003,
  /** The close frame held no code. Never sent. */
  NO_STATUS: 1005,
  /** The connection ended without a close frame. Never sent. */
  ABNORMAL: 1006,
  INVALID_DATA: 1007,
  POLICY_VIOLATION: 1008,
  MESSAGE_TOO_BIG: 1009,
  EXTENSION_REQUIRED: 1010,
  INTERNAL_ERROR: 1011,
  SERVICE_RESTART: 1012,
  TRY_AGAIN_LATER: 1013,
  BAD_GATEWAY: 1014,
  TLS_FAILED: 1015,
  /** One side let go without a goodbye; it may come back. */
  ABANDONED: 4000,
  /** Too many frames that could not be decoded. */
  BAD_FRAMES: 4400,
  UNAUTHORIZED: 4401,
  FORBIDDEN: 4403,
  /** The first frame did not come in time. */
  HELLO_TIMEOUT: 4408,
  /** Another connection has taken over this wire. */
  SUPERSEDED: 4409,
  /** The peer reads too slowly: too many bytes wait for it. */
  SLOW_READER: 4413,
} as const;

/** One of the close codes above, as the number that travels. */
export type CloseCode = (typeof CloseCode)[keyof typeof CloseCode];

/** Trying again would end the same way, or start a fight. */
const FATAL: ReadonlySet<number> = /* @__PURE__ */ new Set<number>([
  CloseCode.PROTOCOL_ERROR,
  CloseCode.UNSUPPORTED_DATA,
  CloseCode.INVALID_DATA,
  CloseCode.POLICY_VIOLATION,
  CloseCode.MESSAGE_TOO_BIG,
  CloseCode.EXTENSION_REQUIRED,
  CloseCode.BAD_FRAMES,
  CloseCode.UNAUTHORIZED,
  CloseCode.FORBIDDEN,
  CloseCode.SUPERSEDED,
]);

/**
 * Whether a connection that was closed with this code is worth opening again. Codes that are not listed are.
 *
 * @example
 * console.log(isReconnectable(CloseCode.ABNORMAL), isReconnectable(CloseCode.UNAUTHORIZED)); // prints: true false
 */
export function isReconnectable(code: number): boolean {
  return !FATAL.has(code);
}
