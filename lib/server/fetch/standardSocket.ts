import { AcceptedSocket, type AcceptedSocketOptions } from '../../io/acceptedSocket.js';
import { isAbove } from '../../core/frameFormat.js';
import { bytesOf } from '../../io/webSocketLike.js';
import { ABNORMAL, MESSAGE_TOO_BIG, SLOW_READER } from '../../message/closeCode.js';
import { ConnectionLostError } from '../../message/errors.js';
import { once } from '../../message/once.js';

/** The part of a web-standard WebSocket that the connections of Deno and of workers use. */
export interface StandardSocket {
  binaryType: string;
  /** Workers do not report it. */
  readonly bufferedAmount?: number;
  readonly readyState: number;
  send(frame: string | Uint8Array): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: string, listener: (event: SocketEvent) => void): void;
}

interface SocketEvent {
  readonly data: string | ArrayBuffer;
  readonly code: number;
  readonly reason: string;
  readonly error?: unknown;
}

/** The options of a connection over a WebSocket that is not of `ws`. */
export interface RuntimeSocketOptions extends AcceptedSocketOptions {
  /** The runtime reads a frame of any size: the connection is closed with 1009 if it is larger. */
  readonly maxFrame: number;
  /** Called when the socket is closed. */
  readonly onClosed: () => void;
}

/** The `readyState` of a WebSocket that is not open yet. */
const CONNECTING = 0;

/** Takes the events of a socket. */
export interface SocketReceiver {
  readonly onMessage: (data: string | ArrayBuffer) => void;
  readonly onError: (error: unknown) => void;
  readonly onClose: (code: number, reason: string) => void;
}

/** Returns a connection over a web-standard WebSocket that a server has accepted. */
export function standardConnection(socket: StandardSocket, options: RuntimeSocketOptions): AcceptedSocket {
  const { connection, receiver } = servedSocket(socket, options);
  socket.binaryType = 'arraybuffer';
  socket.addEventListener('message', ({ data }) => receiver.onMessage(data));
  socket.addEventListener('error', ({ error }) => receiver.onError(error));
  socket.addEventListener('close', ({ code, reason }) => receiver.onClose(code, reason));
  return connection;
}

/** Returns a connection over a socket, and the receiver of the events of this socket. */
export function servedSocket(
  socket: StandardSocket,
  { maxFrame, onClosed, ...options }: RuntimeSocketOptions,
): { readonly connection: AcceptedSocket; readonly receiver: SocketReceiver } {
  let isClosed = false;
  const over = once(onClosed);
  const close = (code?: number, reason?: string | Uint8Array): void => {
    if (isClosed) return;
    const isOpening = socket.readyState === CONNECTING;
    socket.close(code, reason?.toString());
    isClosed = true;
    // No event follows in Deno, if the client has gone before the socket was open.
    if (isOpening) over();
  };
  const accepted = {
    get bufferedAmount() {
      return socket.bufferedAmount ?? 0;
    },
    send: (frame: string | Uint8Array) => socket.send(frame),
    close,
    // These sockets can only be closed.
    terminate: () => close(SLOW_READER),
  };
  const connection = new AcceptedSocket(accepted, options);
  const receiver: SocketReceiver = {
    onMessage: (data) => receiveFrame(connection, data, maxFrame),
    onError: (error) => void (connection.failure = error),
    onClose(code, reason) {
      try {
        // A worker does not answer the close frame of the client by itself.
        close(code, reason);
      } catch {
        isClosed = true;
      }
      over();
      // Deno reports 0 for a connection that was lost.
      connection.closed(code || ABNORMAL, reason);
    },
  };
  return { connection, receiver };
}

/** Passes a frame to a connection, unless the frame is too large. */
export function receiveFrame(connection: AcceptedSocket, data: string | ArrayBuffer | Uint8Array, maxFrame: number): void {
  const frame = typeof data === 'string' ? data : bytesOf(data);
  if (isAbove(frame, maxFrame)) connection.error(new ConnectionLostError(MESSAGE_TOO_BIG, 'the frame is too large'));
  else connection.receive(frame);
}
