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
  override readonly name: string = 'RxwireError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

/** No ack came in time, and no attempt was left. */
export class AckTimeoutError extends RxwireError {
  override readonly name = 'AckTimeoutError';
  /** @param attempts How often the message was sent. */
  constructor(
    readonly id: string,
    readonly attempts: number,
    readonly timeout: number,
  ) {
    super('ERR_ACK_TIMEOUT', `no ack for message ${id} within ${timeout} ms, sent ${attempts} time${attempts === 1 ? '' : 's'}`);
  }
}

/** A function given by the application threw; `cause` is what it threw. */
export class CallbackError extends RxwireError {
  override readonly name = 'CallbackError';
  constructor(
    readonly callback: string,
    cause: unknown,
  ) {
    super('ERR_CALLBACK', `the function given as "${callback}" threw: ${String(cause)}`, cause);
  }
}

/** The connection could not be opened, or was lost. */
export class ConnectionLostError extends RxwireError {
  override readonly name = 'ConnectionLostError';
  /** @param closeCode See {@link CloseCode}; 1006 when the connection ended without one. */
  constructor(
    readonly closeCode: number,
    readonly reason: string,
    readonly wasClean = false,
    cause?: unknown,
  ) {
    super('ERR_CONNECTION_LOST', `connection lost: ${closeCode} ${reason}`.trim(), cause);
  }
}

/** Bytes came that are no frame of the codec. They were dropped. */
export class DecodeError extends RxwireError {
  override readonly name = 'DecodeError';
  constructor(
    readonly codec: string,
    reason: string,
    cause?: unknown,
  ) {
    super('ERR_DECODE', `${codec}: ${reason}`, cause);
  }
}

/** Why a message or value was dropped. */
export type DropReason = 'overflow' | 'expired' | 'closed';

/** A message left the wire unsent, or was given up; `id` names it. */
export class MessageDroppedError extends RxwireError {
  override readonly name = 'MessageDroppedError';
  constructor(
    readonly id: string,
    readonly reason: DropReason,
  ) {
    super('ERR_DROPPED', `message ${id} was dropped: ${reason}`);
  }
}

/** A message holds something that the codec cannot carry. It was not sent. */
export class EncodeError extends RxwireError {
  override readonly name = 'EncodeError';
  constructor(
    readonly codec: string,
    reason: string,
    cause?: unknown,
  ) {
    super('ERR_ENCODE', `${codec}: ${reason}`, cause);
  }
}

/** A frame exceeds the limit. It was neither sent nor read. */
export class FrameTooLargeError extends RxwireError {
  override readonly name = 'FrameTooLargeError';
  /** @param size Bytes (of a text frame: characters). */
  constructor(
    readonly size: number,
    readonly limit: number,
  ) {
    super('ERR_FRAME_TOO_LARGE', `a frame of ${size} bytes exceeds the limit of ${limit}`);
  }
}

/** What came is no message: `path` names the field, as in `[3].headers`. */
export class InvalidMessageError extends RxwireError {
  override readonly name = 'InvalidMessageError';
  constructor(
    readonly path: string,
    reason: string,
  ) {
    super('ERR_INVALID_MESSAGE', `${path || 'message'} ${reason}`);
  }
}

/** This runtime has no WebSocket, and the package `ws` is not installed. */
export class NoWebSocketError extends RxwireError {
  override readonly name = 'NoWebSocketError';
  constructor(cause?: unknown) {
    super('ERR_NO_WEBSOCKET', 'no WebSocket here: install the package "ws", or pass one as webSocket(url, { WebSocket })', cause);
  }
}

/** A buffer is full, and its policy is `error`. */
export class OverflowError extends RxwireError {
  override readonly name = 'OverflowError';
  constructor(
    readonly buffer: string,
    readonly limit: number,
  ) {
    super('ERR_OVERFLOW', `${buffer}: full at ${limit}`);
  }
}

/** A client did not come back in time: its wire has ended. */
export class PeerGoneError extends RxwireError {
  override readonly name = 'PeerGoneError';
  /** @param timeout How long it was waited for, in ms. */
  constructor(readonly timeout: number) {
    super('ERR_PEER_GONE', `the peer has not come back within ${timeout} ms`);
  }
}

/** Reconnecting has ended without success; `cause` is the last failure. */
export class ReconnectGivenUpError extends RxwireError {
  override readonly name = 'ReconnectGivenUpError';
  constructor(
    readonly attempts: number,
    cause: unknown,
  ) {
    super(
      'ERR_RECONNECT_GIVEN_UP',
      `gave up after ${attempts} attempt${attempts === 1 ? '' : 's'} to reconnect: ${describe(cause)}`,
      cause,
    );
  }
}

/** The peer no longer knows this connection: what it had sent but not delivered is gone. */
export class SessionLostError extends RxwireError {
  override readonly name = 'SessionLostError';
  constructor() {
    super('ERR_SESSION_LOST', 'the peer has forgotten this connection: what it still had to send is lost');
  }
}

/** Asked for what this version or this peer cannot do. */
export class UnsupportedError extends RxwireError {
  override readonly name = 'UnsupportedError';
  constructor(message: string, cause?: unknown) {
    super('ERR_UNSUPPORTED', message, cause);
  }
}

/** The wire was completed or has failed: nothing can be sent any more. */
export class WireClosedError extends RxwireError {
  override readonly name = 'WireClosedError';
  constructor(readonly id: string) {
    super('ERR_WIRE_CLOSED', `message ${id} was not sent: the wire is closed`);
  }
}

function describe(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
