import { RxwireError } from './rxwireError.js';

/** The connection could not be opened, or was lost. */
export class ConnectionLostError extends RxwireError {
  declare readonly closeCode: number;
  declare readonly reason: string;

  /** @param closeCode See {@link CloseCode}; 1006 when the connection ended without one. */
  constructor(
    closeCode: number,
    reason: string,
    readonly wasClean = false,
    cause?: unknown,
  ) {
    super('ERR_CONNECTION_LOST', { closeCode, reason }, cause);
  }
}

/** This runtime has no WebSocket, and the package `ws` is not installed. */
export class NoWebSocketError extends RxwireError {
  constructor(cause?: unknown) {
    super('ERR_NO_WEBSOCKET', { reason: 'install the package ws' }, cause);
  }
}

/** A client did not reconnect in time: its wire has ended. */
export class PeerGoneError extends RxwireError {
  declare readonly timeout: number;

  /** @param timeout The time that the server has waited, in ms. */
  constructor(timeout: number) {
    super('ERR_PEER_GONE', { timeout });
  }
}

/** The peer violated the protocol. The connection was closed. */
export class ProtocolError extends RxwireError {
  declare readonly reason: string;

  constructor(reason: string) {
    super('ERR_PROTOCOL', { reason });
  }
}

/** All attempts to reconnect have failed; `cause` is the last failure. */
export class ReconnectGivenUpError extends RxwireError {
  declare readonly attempts: number;

  constructor(attempts: number, cause: unknown) {
    super('ERR_RECONNECT_GIVEN_UP', { attempts }, cause);
  }
}

/** The peer no longer knows this session: messages that it had sent but not delivered are lost. */
export class SessionLostError extends RxwireError {
  constructor() {
    super('ERR_SESSION_LOST');
  }
}

/** The server rejects this client: its credentials are invalid, expired or insufficient. */
export class UnauthorizedError extends RxwireError {
  declare readonly closeCode: number;
  declare readonly reason: string;

  /** @param closeCode 4401: invalid credentials; 4403: insufficient permissions. */
  constructor(closeCode: number, reason: string, cause?: unknown) {
    super('ERR_UNAUTHORIZED', { closeCode, reason }, cause);
  }
}

/** The requested feature is not supported by this version, runtime or peer. */
export class UnsupportedError extends RxwireError {
  declare readonly reason: string;

  constructor(reason: string, cause?: unknown) {
    super('ERR_UNSUPPORTED', { reason }, cause);
  }
}

/** The wire was completed or has failed: it cannot send any more. */
export class WireClosedError extends RxwireError {
  declare readonly id?: string;

  /**
   * @param id The id of the message. Absent for a stream of messages that cannot continue.
   * @param cause The error that has ended the wire, if any.
   */
  constructor(id?: string, cause?: unknown) {
    super('ERR_WIRE_CLOSED', id === undefined ? {} : { id }, cause);
  }
}
