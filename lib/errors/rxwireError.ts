/** The stable codes of all errors; each has a heading in docs/errors.md. */
export type ErrorCode =
  | 'ERR_ACK_TIMEOUT'
  | 'ERR_CALLBACK'
  | 'ERR_CHANNEL_ENDED'
  | 'ERR_CHANNEL_FAILED'
  | 'ERR_CHANNEL_REFUSED'
  | 'ERR_CHANNEL_TIMEOUT'
  | 'ERR_CONNECTION_LOST'
  | 'ERR_DECODE'
  | 'ERR_DECRYPT'
  | 'ERR_DRAIN_TIMEOUT'
  | 'ERR_DROPPED'
  | 'ERR_ENCODE'
  | 'ERR_FRAME_TOO_LARGE'
  | 'ERR_HANDLER'
  | 'ERR_IN_DOUBT'
  | 'ERR_INVALID_MESSAGE'
  | 'ERR_INVALID_PAYLOAD'
  | 'ERR_MIDDLEWARE'
  | 'ERR_MISSED'
  | 'ERR_NOT_ENCRYPTED'
  | 'ERR_NO_WEBSOCKET'
  | 'ERR_OVERFLOW'
  | 'ERR_PEER_GONE'
  | 'ERR_POOL_CLOSED'
  | 'ERR_POOL_TIMEOUT'
  | 'ERR_PROTOCOL'
  | 'ERR_RECONNECT_GIVEN_UP'
  | 'ERR_REFUSED'
  | 'ERR_REPLY'
  | 'ERR_REQUEST_TIMEOUT'
  | 'ERR_SESSION_LOST'
  | 'ERR_STORE'
  | 'ERR_STREAM_CLOSED'
  | 'ERR_UNAUTHORIZED'
  | 'ERR_UNDELIVERED'
  | 'ERR_UNHANDLED'
  | 'ERR_UNSUPPORTED'
  | 'ERR_WIRE_CLOSED';

/**
 * The base class of all errors of rxwire. Branch on `code`, never on the text, which describes only
 * this failure. The meaning of each code, and what to do, is in
 * `node_modules/rxwire/docs/errors.md`; log `String(error)` and `cause`, not `message` alone.
 *
 * @example
 * wire.errors$.pipe(filter((error) => error.code === 'ERR_DECODE')).subscribe((error) => console.warn(error.message));
 */
export class RxwireError extends Error {
  /** See the heading of this code in docs/errors.md, which is in the package. */
  declare readonly code: ErrorCode;

  /**
   * @param text A sentence for people.
   * @param details The facts of this failure: they become fields of the error.
   */
  constructor(code: ErrorCode, text: string, details: Readonly<Record<string, unknown>> = {}, cause?: unknown) {
    super(text, { cause });
    Object.assign(this, details, { code, name: `RxwireError [${code}]` });
  }
}

/**
 * Returns `: ` and the text of a cause that is an error. Not for errors whose text the other side
 * may receive: a cause may contain paths.
 */
export function becauseOf(cause: unknown): string {
  return cause instanceof Error ? `: ${cause.message}` : '';
}

/**
 * Like {@link becauseOf}, in brackets, and only for errors of rxwire, whose texts contain no paths.
 */
export function becauseOfWire(cause: unknown): string {
  return cause instanceof RxwireError ? ` (${cause.message})` : '';
}
