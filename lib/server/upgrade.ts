import { STATUS_CODES, type IncomingMessage, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { filter, fromEvent, ignoreElements, merge, tap, type Observable, type OperatorFunction } from 'rxjs';
import type { WebSocket, WebSocketServer } from 'ws';

/** A request to leave HTTP for a WebSocket. */
interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

/** Whom the server lets in. */
export interface Admission {
  readonly path: string;
  readonly origins: readonly string[];
}

/** The requests that were for none of the wires so far, and how many of them have said so. */
const declined = /* @__PURE__ */ new WeakMap<IncomingMessage, number>();

/** The requests for `path`. Others are left to whoever else listens, and refused when nobody does. */
export function upgrades(server: Server, { path }: Admission): Observable<Upgrade> {
  return fromEvent(server, 'upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => ({ request, socket, head })).pipe(
    filter((upgrade) => {
      const { request } = upgrade;
      if (request.url?.split('?', 1)[0] === path) return true;
      const times = (declined.get(request) ?? 0) + 1;
      declined.set(request, times);
      if (times === server.listenerCount('upgrade')) refuse(upgrade, 404);
      return false;
    }),
  );
}

/** Lets in those whose origin is allowed, as open sockets. */
export function accept(sockets: WebSocketServer, { origins }: Admission): OperatorFunction<Upgrade, WebSocket> {
  // What is no proper handshake is answered by `ws`, and calls nothing back.
  const open = ({ request, socket, head }: Upgrade): void =>
    sockets.handleUpgrade(request, socket, head, (accepted) => sockets.emit('connection', accepted));

  return (upgrades$) =>
    merge(
      fromEvent(sockets, 'connection') as Observable<WebSocket>,
      upgrades$.pipe(
        tap((upgrade) => (isAllowed(upgrade.request, origins) ? open(upgrade) : refuse(upgrade, 403))),
        ignoreElements(),
      ),
    );
}

/**
 * Browsers tell the page's origin, and any page can ask for a WebSocket to any server: only pages of this very host, and
 * those that were named, are let in. A client that tells no origin is no browser.
 */
function isAllowed({ headers }: IncomingMessage, origins: readonly string[]): boolean {
  const { origin, host } = headers;
  if (origin === undefined || origins.includes(origin)) return true;
  return URL.canParse(origin) && new URL(origin).host === host;
}

function refuse({ socket }: Upgrade, status: number): void {
  // Without a listener, a client that is gone already would take the process with it.
  socket.on('error', () => socket.destroy());
  // A client that does not close its side would keep the socket.
  socket.once('finish', () => socket.destroy());
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
