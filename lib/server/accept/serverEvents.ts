import { type Server, STATUS_CODES, type IncomingMessage } from 'node:http';
import { fromEventPattern, Observable, defer, finalize, ignoreElements, noop, tap, type SchedulerLike } from 'rxjs';
import type { Duplex } from 'node:stream';
import type { WebSocket, WebSocketServer } from 'ws';
import type { Admission, Refusal } from './admission.js';
import type { PacedHandshakes } from './pacedHandshakes.js';
import type { Socket } from 'node:net';
import { createCoalescedTimer } from '../../operators/timing/coalescedTimer.js';

/**
 * Emits the arguments of the matching events of a server, and hides these events from all other
 * listeners of the server, earlier and later ones.
 */
export function interceptEvents<A extends readonly unknown[]>(
  server: Server,
  event: string,
  isOurs: (...args: A) => boolean,
): Observable<A> {
  const add = (handler: (args: A) => void): (() => void) => {
    const own = Object.getOwnPropertyDescriptor(server, 'emit');
    const emit = (server as { readonly emit: (this: Server, ...args: unknown[]) => boolean }).emit;
    let isActive = true;
    const emitOthers = function (this: Server, name: unknown, ...args: unknown[]): boolean {
      if (!isActive || name !== event || !isOurs(...(args as unknown as A))) return emit.call(this, name, ...args);
      handler(args as unknown as A);
      return true;
    };
    server.emit = emitOthers as Server['emit'];
    return () => {
      isActive = false;
      // A later interceptor still calls this one, which stays and passes all events on.
      if (server.emit !== emitOthers) return;
      if (own) Object.defineProperty(server, 'emit', own);
      else Reflect.deleteProperty(server, 'emit');
    };
  };
  return fromEventPattern<A>(
    (handler: (args: A) => void) => add(handler),
    (_, remove: () => void) => remove(),
  );
}

/** The paths of each server that a listener serves. */
const servedPaths = /* @__PURE__ */ new WeakMap<Server, Set<string>>();

/**
 * Reserves a path of a server for one listener: `ws` fails if two of them take an upgrade.
 *
 * @returns A function that releases the path.
 * @throws {TypeError} If another listener has reserved the path.
 */
export function reservePath(server: Server, path: string): () => void {
  const paths = servedPaths.get(server) ?? new Set();
  if (paths.has(path))
    throw new TypeError(
      `listen: the path "${path}" of this server is already served: subscribe once, or use another "path" for each listen()`,
    );
  servedPaths.set(server, paths.add(path));
  return () => paths.delete(path);
}

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
  handshakes: PacedHandshakes,
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
      const entered = admission.throttle(address) ?? admission.inspect(request) ?? admission.enter(address, handshakes.isFull);
      if (typeof entered !== 'function') {
        refuse(socket, entered);
        return;
      }
      // Also when the handshake fails.
      socket.on('close', entered);
      // `ws` listens later, to a socket that has not waited in vain.
      socket.on('error', noop);
      // `ws` itself responds to an invalid handshake, and does not call back.
      handshakes.add('upgrade', () => {
        if (to.closed) {
          socket.destroy();
          return;
        }
        sockets.handleUpgrade(request, socket, head, (accepted) => {
          socket.off('error', noop);
          to.next(served(accepted, request, address));
        });
      });
    };
    server.on('upgrade', onUpgrade);
    return () => server.off('upgrade', onUpgrade);
  });
}

function refuse(socket: Duplex, { status, headers }: Pick<Refusal, 'headers'> & { readonly status: number }): void {
  // Without a listener, an error of a disconnected client would end the process.
  socket.on('error', () => socket.destroy());
  const lines = Object.entries({ ...headers, Connection: 'close', 'Content-Length': '0' }).map((header) => `${header.join(': ')}\r\n`);
  // A half-closed socket would cost a quarter more, and the client might never close its side. With
  // TLS, the end must be sent: a client takes the answer for cut off otherwise.
  const write = 'encrypted' in socket ? 'end' : 'write';
  socket[write](`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n`, () => socket.destroy());
}

/**
 * How long a blocked connection is held before it is closed, in ms, up to twice that: a client that
 * waits for the end of one connection before it opens the next is slowed.
 */
const HOLD = 1_000;

/** The maximum number of connections that are held. Further ones are closed at once. */
const MAX_HELD = 64;

/**
 * Closes the connections of blocked addresses, unread: the HTTP server does not get them. Emits
 * nothing.
 */
export function blockFloods(server: Server, { isBlocked }: Pick<Admission, 'isBlocked'>, scheduler: SchedulerLike): Observable<never> {
  return defer(() => {
    let held = new Set<Socket>();
    /** The connections that were held already when the timer was set. */
    let due = new Set<Socket>();
    const drop = (sockets: Iterable<Socket>): void => {
      // A reset leaves nothing behind, as a close does for a minute.
      for (const socket of sockets) socket.resetAndDestroy();
    };
    const timer = createCoalescedTimer(scheduler, () => {
      drop(due);
      due = held;
      held = new Set();
      if (due.size > 0) timer.set(HOLD);
    });
    const block = (socket: Socket): void => {
      if (held.size + due.size >= MAX_HELD) {
        drop([socket]);
        return;
      }
      socket.on('error', noop);
      socket.on('close', () => held.delete(socket) || due.delete(socket));
      held.add(socket);
      timer.set(HOLD);
    };
    const end = (): void => {
      timer.clear();
      drop([...held, ...due]);
    };
    return interceptEvents<[Socket]>(server, 'connection', isBlocked).pipe(
      tap(([socket]) => block(socket)),
      ignoreElements(),
      finalize(end),
    );
  });
}
