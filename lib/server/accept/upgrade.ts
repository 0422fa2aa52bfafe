import { STATUS_CODES, type IncomingMessage, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { filter, fromEvent, ignoreElements, merge, tap, type Observable, type OperatorFunction } from 'rxjs';
import type { WebSocket, WebSocketServer } from 'ws';
import type { Admission, Refusal } from './admission.js';

/** A request for a WebSocket. */
interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

/** How many listeners have declined a request. */
const declined = /* @__PURE__ */ new WeakMap<IncomingMessage, number>();

/** Emits the requests for `path`. The last listener that declines a request refuses it with 404. */
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

/** An open socket, and its request. */
export interface Accepted {
  readonly socket: WebSocket;
  readonly request: IncomingMessage;
}

/** Accepts the requests that `admission` allows, and emits their open sockets. */
export function accept(sockets: WebSocketServer, admission: Admission): OperatorFunction<Upgrade, Accepted> {
  // `ws` itself responds to an invalid handshake, and does not call back.
  const open = ({ request, socket, head }: Upgrade): void =>
    sockets.handleUpgrade(request, socket, head, (accepted) => sockets.emit('connection', accepted, request));
  const receive = (upgrade: Upgrade): void => {
    const { request } = upgrade;
    const entered = admission.throttle(request) ?? admission.inspect(request) ?? admission.enter(request);
    if (typeof entered !== 'function') {
      refuse(upgrade, entered);
      return;
    }
    // Also when the handshake fails.
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
  // Without a listener, an error of a disconnected client would end the process.
  socket.on('error', () => socket.destroy());
  // A client that does not close its side would keep the socket open.
  socket.once('finish', () => socket.destroy());
  const lines = Object.entries({ ...headers, Connection: 'close', 'Content-Length': '0' }).map((header) => `${header.join(': ')}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n`);
}
