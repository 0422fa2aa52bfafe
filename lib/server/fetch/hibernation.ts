import type { AcceptedSocket } from '../../io/acceptedSocket.js';
import { CloseCode } from '../../message/closeCode.js';
import { isSessionFrame } from '../accept/incomingConnection.js';
import { servedSocket, type RuntimeSocketOptions, type SocketReceiver, type StandardSocket } from './standardSocket.js';

/** The part of the state of a Durable Object that hibernation uses: `ctx`. */
export interface HibernationState {
  acceptWebSocket(socket: unknown, tags: string[]): void;
  getWebSockets(tag: string): readonly unknown[];
  setWebSocketAutoResponse(pair: unknown): void;
}

/**
 * The methods that a Durable Object must have for its WebSockets. They ignore sockets that the
 * handler has not accepted.
 */
export interface HibernationHandlers {
  readonly webSocketMessage: (socket: unknown, data: string | ArrayBuffer) => void;
  readonly webSocketClose: (socket: unknown, code: number, reason: string) => void;
  readonly webSocketError: (socket: unknown, error: unknown) => void;
}

/** A WebSocket that outlives its object. */
export interface HibernatableSocket extends StandardSocket {
  serializeAttachment(value: unknown): void;
  deserializeAttachment(): unknown;
}

interface WorkerGlobals {
  readonly WebSocketRequestResponsePair: new (request: string, response: string) => unknown;
}

/** The WebSockets of a Durable Object that hibernates. */
export interface Hibernation {
  readonly handlers: HibernationHandlers;
  accept(socket: HibernatableSocket, options: RuntimeSocketOptions): AcceptedSocket;
}

/**
 * Closes the sockets that an earlier instance of the object has accepted: their sessions continue
 * over other connections, with the state in the stores. Then lets the runtime answer the pings of
 * idle clients, which do not wake the object.
 *
 * @param window The credit of the acks that answer these pings.
 */
export function hibernate(state: HibernationState, path: string, window: number): Hibernation {
  const tag = `rxwire ${path}`;
  for (const [index, socket] of state.getWebSockets(tag).entries()) closeLeft(socket as HibernatableSocket, index);
  const { WebSocketRequestResponsePair: Pair } = globalThis as unknown as WorkerGlobals;
  state.setWebSocketAutoResponse(new Pair('["ping",0]', `["ack",0,${window}]`));
  const receivers = new WeakMap<object, SocketReceiver>();
  return {
    handlers: {
      webSocketMessage: (socket, data) => receivers.get(socket as object)?.onMessage(data),
      webSocketClose: (socket, code, reason) => receivers.get(socket as object)?.onClose(code, reason),
      webSocketError(socket, error) {
        const receiver = receivers.get(socket as object);
        receiver?.onError(error);
        // The runtime calls no other method of the object for this socket.
        receiver?.onClose(CloseCode.ABNORMAL, '');
      },
    },
    accept(socket, options) {
      state.acceptWebSocket(socket, [tag]);
      const { connection, receiver } = servedSocket(socket, options);
      receivers.set(socket, markingSessions(socket, receiver));
      return connection;
    },
  };
}

/** Marks the socket of a session when its client has answered the welcome by a second frame. */
function markingSessions(socket: HibernatableSocket, receiver: SocketReceiver): SocketReceiver {
  let frames = 0;
  let isSession = false;
  return {
    ...receiver,
    onMessage(data) {
      frames++;
      if (frames === 1) isSession = typeof data === 'string' && isSessionFrame(data);
      else if (frames === 2 && isSession) socket.serializeAttachment(true);
      receiver.onMessage(data);
    },
  };
}

/** @param returnAfter The time after which the client of a session connects again, in ms. */
function closeLeft(socket: HibernatableSocket, returnAfter: number): void {
  try {
    // The client then connects again without a delay of its own, and reports no error.
    if (socket.deserializeAttachment() === true) socket.send(`["bye",${returnAfter}]`);
    socket.close(CloseCode.SERVICE_RESTART, 'the object has hibernated');
  } catch {
    // The client has disconnected.
  }
}
