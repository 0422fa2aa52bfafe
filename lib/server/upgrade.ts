import { STATUS_CODES, type IncomingMessage, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { filter, fromEvent, ignoreElements, merge, tap, type Observable, type OperatorFunction } from 'rxjs';
import type { WebSocket, WebSocketServer } from 'ws';
import type { Admission, Refusal } from './admission.js';

/** A request to leave HTTP for a WebSocket. */
interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

/** The requests that were for none of the wires so far, and how many of them have said so. */
const declined = /* @__PURE__ */ new WeakMap<IncomingMessage, number>();

/** The requests for `path`. Others are left to whoever else listens, and refused when nobody does. */
export function upgrades(server: Server, path: string): Observable<Upgrade> {
  return fromEvent(server, 'upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => ({ request, socket, head })).pipe(
    filter((upgrade) => {
      const { request } = upgrade;
      if (request.url?.split('?', 1)[0] === path) return true;
      const times = (declined.get(request) ?? 0) + 1;
      declined.set(request, times);
      if (times === server.listenerCount('upgrade')) refuse(upgrade, { status: 404, headers: {} });
      return false;
    }),
  );
}

/** A socket that is open, and the request for it. */
export interface Accepted {
  readonly socket: WebSocket;
  readonly request: IncomingMessage;
}

/** Lets in whom `admission` lets in, as open sockets. */
export function accept(sockets: WebSocketServer, admission: Admission): OperatorFunction<Upgrade, Accepted> {
  // What is no proper handshake is answered by `ws`, and calls nothing back.
  const open = ({ request, socket, head }: Upgrade): void =>
    sockets.handleUpgrade(request, socket, head, (accepted) => sockets.emit('connection', accepted, request));
  const receive = (upgrade: Upgrade): void => {
    const entered = admission.inspect(upgrade.request) ?? admission.enter(upgrade.request);
    if (typeof entered !== 'function') {
      refuse(upgrade, entered);
      return;
    }
    // Also of what becomes no WebSocket.
    upgrade.socket.on('close', entered);
    open(upgrade);
  };

  return (upgrades$) =>
    merge(
      fromEvent(sockets, 'connection', (socket: WebSocket, request: IncomingMessage) => ({ socket, request })),
      upgrades$.pipe(tap(receive), ignoreElements()),
    );
}

function refuse({ socket }: Upgrade, { status, headers }: Pick<Refusal, 'headers'> & { readonly status: number }): void {
  // Without a listener, a client that is gone already would take the process with it.
  socket.on('error', () => socket.destroy());
  // A client that does not close its side would keep the socket.
  socket.once('finish', () => socket.destroy());
  const lines = Object.entries({ ...headers, Connection: 'close', 'Content-Length': '0' }).map((header) => `${header.join(': ')}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n`);
}
