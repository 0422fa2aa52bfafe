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

/** The text between the sentence of an error and the anchor of its code. */
export const POINTER = ' (see rxwire/docs/errors.md#';

/**
 * The base class of all errors of rxwire. Branch on `code`, never on the text, which describes only
 * this failure. `message` ends with the address of the heading that explains the code and says what
 * to do: `(see rxwire/docs/errors.md#err_decode)`, in `node_modules`. Log `String(error)` and
 * `cause`, not `message` alone.
 *
 * @example
 * import { connect, json, webSocket } from 'rxwire';
 *
 * const wire = connect({ link: webSocket('ws://127.0.0.1:4870/wire'), codec: json() });
 * wire.errors$.subscribe((error) => {
 *   if (error.code === 'ERR_DECODE') console.warn(String(error), error.cause);
 * });
 */
export class RxwireError extends Error {
  /** A stable code. It is a heading of docs/errors.md, which is in the package. */
  declare readonly code: ErrorCode;

  /**
   * @param text A sentence for people: what was expected, and what was found.
   * @param details The facts of this failure: they become fields of the error.
   */
  constructor(code: ErrorCode, text: string, details?: Readonly<Record<string, unknown>>, cause?: unknown) {
    super(`${text}${POINTER}${code.toLowerCase()})`, { cause });
    Object.assign(this, details, { code, name: `RxwireError [${code}]` });
  }

  /**
   * The sentence of `message`, without the address of the heading: for users, and for other texts.
   */
  get text(): string {
    return this.message.split(POINTER)[0] as string;
  }
}

/** Returns the sentence of an error, without the address of a heading. */
export function textOf(error: Error): string {
  return error instanceof RxwireError ? error.text : error.message;
}

/** Returns the part of a message that names the heading; empty for an error of other code. */
export function pointerOf(error: Error): string {
  return error.message.slice(textOf(error).length);
}

/**
 * Returns the message of an error with the text of one of its causes, before the address of the
 * heading.
 */
export function messageWith(error: Error, reason: string): string {
  return `${textOf(error)}: ${reason}${pointerOf(error)}`;
}

/**
 * Returns `: ` and the text of a cause that is an error. Not for errors whose text the other side
 * may receive: a cause may contain paths.
 */
export function becauseOf(cause: unknown): string {
  return cause instanceof Error ? `: ${textOf(cause)}` : '';
}

/**
 * Like {@link becauseOf}, in brackets, and only for errors of rxwire, whose texts contain no paths.
 */
export function becauseOfWire(cause: unknown): string {
  return cause instanceof RxwireError ? ` (${cause.text})` : '';
}
