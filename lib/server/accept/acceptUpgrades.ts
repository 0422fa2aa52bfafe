import { STATUS_CODES, type IncomingMessage, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { Observable } from 'rxjs';
import type { WebSocket, WebSocketServer } from 'ws';
import type { Admission, Refusal } from './admission.js';

/** How many listeners have declined a request. */
const declined = /* @__PURE__ */ new WeakMap<IncomingMessage, number>();

/**
 * Accepts the requests for `path` that `admission` allows, and emits what `served` returns for each
 * open socket. The last listener that declines a request refuses it with 404.
 */
export function acceptUpgrades<T>(
  server: Server,
  path: string,
  sockets: WebSocketServer,
  admission: Admission,
  served: (socket: WebSocket, request: IncomingMessage, address: string) => T,
): Observable<T> {
  return new Observable((to) => {
    const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
      if (request.url?.split('?', 1)[0] !== path) {
        const times = (declined.get(request) ?? 0) + 1;
        declined.set(request, times);
        if (times === server.listenerCount('upgrade')) refuse(socket, { status: 404, headers: {} });
        return;
      }
      const address = admission.addressOf(request);
      const entered = admission.throttle(address) ?? admission.inspect(request) ?? admission.enter(address);
      if (typeof entered !== 'function') {
        refuse(socket, entered);
        return;
      }
      // Also when the handshake fails.
      socket.on('close', entered);
      // `ws` itself responds to an invalid handshake, and does not call back.
      sockets.handleUpgrade(request, socket, head, (accepted) => to.next(served(accepted, request, address)));
    };
    server.on('upgrade', onUpgrade);
    return () => server.off('upgrade', onUpgrade);
  });
}

function refuse(socket: Duplex, { status, headers }: Pick<Refusal, 'headers'> & { readonly status: number }): void {
  // Without a listener, an error of a disconnected client would end the process.
  socket.on('error', () => socket.destroy());
  // A client that does not close its side would keep the socket open.
  socket.once('finish', () => socket.destroy());
  const lines = Object.entries({ ...headers, Connection: 'close', 'Content-Length': '0' }).map((header) => `${header.join(': ')}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n`);
}
