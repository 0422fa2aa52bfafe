import { AcceptedSocket, type ServerSocket } from '../../io/acceptedSocket.js';
import { SLOW_READER } from '../../message/closeCode.js';
import { ConnectionLostError } from '../../message/errors.js';
import { receiveFrame, type RuntimeSocketOptions } from './standardSocket.js';

/** The part of a WebSocket of Bun that a connection uses. */
export interface BunSocket {
  data: unknown;
  send(frame: string | Uint8Array): number;
  close(code?: number, reason?: string): void;
  terminate(): void;
  getBufferedAmount(): number;
}

/** The part of a server of Bun that the handler uses. */
export interface BunServer {
  upgrade(request: Request, options: { readonly data: unknown }): boolean;
  requestIP(request: Request): { readonly address: string } | null;
}

/** The option `websocket` of `Bun.serve`. */
export interface BunWebSocketHandler {
  readonly maxPayloadLength: number;
  readonly backpressureLimit: number;
  readonly idleTimeout: number;
  readonly sendPings: boolean;
  readonly perMessageDeflate: boolean;
  open(socket: BunSocket): void;
  message(socket: BunSocket, data: string | Uint8Array): void;
  close(socket: BunSocket, code: number, reason: string): void;
  ping(socket: BunSocket): void;
  pong(socket: BunSocket): void;
}

/** The `data` of each WebSocket of Bun that the handler has upgraded. */
interface BunSocketData {
  readonly options: RuntimeSocketOptions;
  readonly onOpen: (connection: AcceptedSocket) => void;
  connection?: AcceptedSocket;
}

/** Bun accepts no larger numbers. */
const MAX = 2 ** 31 - 1;

/**
 * Upgrades a request to a WebSocket of Bun.
 *
 * @param onOpen Called when the socket is open.
 * @returns Whether the request is a valid handshake.
 */
export function upgradeInBun(
  server: BunServer,
  request: Request,
  options: RuntimeSocketOptions,
  onOpen: (connection: AcceptedSocket) => void,
): boolean {
  const data: BunSocketData = { options, onOpen };
  return server.upgrade(request, { data });
}

/** Returns the handlers of the WebSockets of Bun that {@link upgradeInBun} has upgraded. */
export function bunWebSocketHandler(maxFrame: number): BunWebSocketHandler {
  const dataOf = (socket: BunSocket): BunSocketData => socket.data as BunSocketData;
  const control = (socket: BunSocket): void => dataOf(socket).connection?.control();
  return {
    maxPayloadLength: Math.min(maxFrame, MAX),
    // Bun would drop the frames above the limit: `maxBuffered` and `stallTimeout` take its place.
    backpressureLimit: MAX,
    // The session detects silent peers.
    idleTimeout: 0,
    sendPings: false,
    perMessageDeflate: false,
    open(socket) {
      const data = dataOf(socket);
      data.onOpen((data.connection = new AcceptedSocket(acceptedBunSocket(socket), data.options)));
    },
    message(socket, frame) {
      const { connection, options } = dataOf(socket);
      if (connection) receiveFrame(connection, frame, options.maxFrame);
    },
    close(socket, code, reason) {
      const { connection, options } = dataOf(socket);
      options.onClosed();
      connection?.closed(code, reason);
    },
    ping: control,
    pong: control,
  };
}

function acceptedBunSocket(socket: BunSocket): ServerSocket {
  return {
    get bufferedAmount() {
      return socket.getBufferedAmount();
    },
    send(frame) {
      // Bun has dropped the frame: the socket is closed, or too many bytes wait.
      if (socket.send(frame) === 0) throw new ConnectionLostError(SLOW_READER, 'the peer reads too slowly');
    },
    close: (code, reason) => socket.close(code, reason?.toString()),
    terminate: () => socket.terminate(),
  };
}
