import { STATUS_CODES, type IncomingMessage, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { bindCallback, filter, fromEvent, map, mergeMap, type Observable, type OperatorFunction } from 'rxjs';
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

/** The requests for `path`. Others are left to whoever else listens, and refused when nobody does. */
export function upgrades(server: Server, { path }: Admission): Observable<Upgrade> {
  return fromEvent(server, 'upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => ({ request, socket, head })).pipe(
    filter((upgrade) => {
      const wanted = upgrade.request.url?.split('?', 1)[0] === path;
      if (!wanted && server.listenerCount('upgrade') === 1) refuse(upgrade, 404);
      return wanted;
    }),
  );
}

/** Lets in those whose origin is allowed, as open sockets. */
export function accept(sockets: WebSocketServer, { origins }: Admission): OperatorFunction<Upgrade, WebSocket> {
  return (upgrades$) =>
    upgrades$.pipe(
      filter((upgrade) => {
        const allowed = isAllowed(upgrade.request, origins);
        if (!allowed) refuse(upgrade, 403);
        return allowed;
      }),
      mergeMap(({ request, socket, head }) =>
        bindCallback(sockets.handleUpgrade.bind(sockets))(request, socket, head).pipe(map(([accepted]) => accepted)),
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
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
