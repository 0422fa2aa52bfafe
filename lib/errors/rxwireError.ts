/** The stable codes of all errors; each has a heading in docs/errors.md. */
export type ErrorCode =
  | 'ERR_ACK_TIMEOUT'
  | 'ERR_CALLBACK'
  | 'ERR_CONNECTION_LOST'
  | 'ERR_DECODE'
  | 'ERR_DROPPED'
  | 'ERR_ENCODE'
  | 'ERR_FRAME_TOO_LARGE'
  | 'ERR_INVALID_MESSAGE'
  | 'ERR_NO_WEBSOCKET'
  | 'ERR_OVERFLOW'
  | 'ERR_PEER_GONE'
  | 'ERR_RECONNECT_GIVEN_UP'
  | 'ERR_SESSION_LOST'
  | 'ERR_UNSUPPORTED'
  | 'ERR_WIRE_CLOSED';

/**
 * What every error of rxwire is: branch on `code`, never on the text.
 *
 * @example
 * wire.errors$.pipe(filter((error) => error.code === 'ERR_DECODE')).subscribe((error) => console.warn(error.message));
 */
export class RxwireError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
    this.name = `RxwireError [${code}]`;
  }
}
