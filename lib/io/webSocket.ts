import { Observable } from 'rxjs';
import { assertPositive, checkAddress, checkOptions } from '../message/development.js';
import { isPromise } from '../message/maybeAsync.js';
import type { DescribedLink, Frame, Link } from './link.js';
import { platformWebSocket } from './nodeWebSocket.js';
import type { WebSocketConstructor } from './webSocketLike.js';
import { openSocket, type SocketOptions } from './clientSocket.js';

export interface WebSocketOptions extends SocketOptions {
  /** Subprotocols to offer. @default none */
  readonly protocols?: string | readonly string[];
  /** The WebSocket class to use. @default the browser's; on Node that of the package `ws` */
  readonly WebSocket?: WebSocketConstructor;
}

/**
 * A link over a WebSocket, for text and binary frames. Each subscription opens a connection.
 *
 * It completes when either side closes with 1000. Otherwise it fails with a `ConnectionLostError`
 * that contains the close code. Unsubscribing closes with 4000: the server may expect a resumption.
 *
 * @param url `ws:` or `wss:`.
 * @throws {TypeError} At call time, if `url` is not such an address.
 * @example
 * import { webSocket } from 'rxwire';
 *
 * const echo = webSocket('ws://127.0.0.1:4870/wire', { openTimeout: 5_000 });
 */
export function webSocket(url: string | URL, options: WebSocketOptions = {}): Link<Frame> & DescribedLink {
  checkOptions('webSocket', options);
  const { protocols = [], WebSocket, maxBuffered, stallTimeout, openTimeout } = options;
  const address = String(url);
  assertPositive('webSocket', { maxBuffered, stallTimeout, openTimeout });
  checkAddress('webSocket', address);

  const link: Link<Frame> = (outgoing) =>
    new Observable((to) => {
      const open = (Socket: WebSocketConstructor): void => {
        if (!to.closed) openSocket(() => new Socket(address, [protocols].flat<unknown>() as string[]), outgoing, to, options);
      };
      const Socket = WebSocket ?? platformWebSocket();
      if (isPromise(Socket)) Socket.then(open, (error: unknown) => to.error(error));
      else open(Socket);
    });
  return Object.assign(link, { protocol: 'websocket', endpoint: address });
}
