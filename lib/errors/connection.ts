import { RxwireError } from './rxwireError.js';

/** The connection could not be opened, or was lost. */
export class ConnectionLostError extends RxwireError {
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

/** This runtime has no WebSocket, and the package `ws` is not installed. */
export class NoWebSocketError extends RxwireError {
  constructor(cause?: unknown) {
    super('ERR_NO_WEBSOCKET', 'no WebSocket here: install the package "ws", or pass one as webSocket(url, { WebSocket })', cause);
  }
}

/** A client did not come back in time: its wire has ended. */
export class PeerGoneError extends RxwireError {
  /** @param timeout How long it was waited for, in ms. */
  constructor(readonly timeout: number) {
    super('ERR_PEER_GONE', `the peer has not come back within ${timeout} ms`);
  }
}

/** Reconnecting has ended without success; `cause` is the last failure. */
export class ReconnectGivenUpError extends RxwireError {
  constructor(
    readonly attempts: number,
    cause: unknown,
  ) {
    super('ERR_RECONNECT_GIVEN_UP', `not reconnected, attempts: ${attempts}`, cause);
  }
}

/** The peer no longer knows this connection: what it had sent but not delivered is gone. */
export class SessionLostError extends RxwireError {
  constructor() {
    super('ERR_SESSION_LOST', 'the peer has forgotten this connection: what it still had to send is lost');
  }
}

/** Asked for what this version or this peer cannot do. */
export class UnsupportedError extends RxwireError {
  constructor(message: string, cause?: unknown) {
    super('ERR_UNSUPPORTED', message, cause);
  }
}

/** The wire was completed or has failed: nothing can be sent any more. */
export class WireClosedError extends RxwireError {
  constructor(readonly id: string) {
    super('ERR_WIRE_CLOSED', `message ${id} was not sent: the wire is closed`);
  }
}
