import type { IncomingMessage, Server } from 'node:http';
import { defer, EMPTY, finalize, merge, NEVER, tap, type Observable } from 'rxjs';
import { WebSocketServer, type WebSocket } from 'ws';
import { watchSubscribed } from '../message/development.js';
import { AcceptedSocket } from '../io/acceptedSocket.js';
import type { MessageIn } from '../message/types.js';
import { createAdmission } from './accept/admission.js';
import { PacedHandshakes } from './accept/pacedHandshakes.js';
import { acceptUpgrades, blockFloods, reservePath } from './accept/serverEvents.js';
import { createEnvelopeWires } from './envelope/envelopeWires.js';
import { httpLinks } from './http/httpLinks.js';
import { linkRequests } from './http/nodeRequest.js';
import { type ListenOptions, readListenOptions } from './listenOptions.js';
import type { AnyWire, Principal, ServerWire } from './principal.js';
import { guardWires, servedWires } from './serve.js';
import { type ServedSocket, maxFragments } from './serverOptions.js';

export type { ListenOptions } from './listenOptions.js';

/**
 * Serves wires on an HTTP server, and emits one for each client. A client that loses its connection
 * and returns in time continues with the same wire, and receives the messages that the application
 * sent meanwhile. A wire completes when its client ends its session, or does not return.
 *
 * `listen` answers upgrades for other paths with 404, unless the server has another listener of
 * `upgrade`: then that listener must answer them.
 *
 * Unsubscribing ends all wires with close code 1001. It does not close the HTTP server.
 *
 * @throws {RangeError} At call time, if a number is out of range.
 * @throws {TypeError} At call time, if there is no option of this name, `server` is no HTTP server,
 *   or `path` or one of `origins` cannot match any request, or the name of the node of `cluster` is
 *   invalid. Delivered, if the path of this server is already served.
 * @example
 * import { createServer } from 'node:http';
 * import { createMessage, ofType } from 'rxwire';
 * import { listen } from 'rxwire/server';
 *
 * const server = createServer().listen(4870);
 * listen(server, { path: '/wire' }).subscribe((wire) => {
 *   wire
 *     .pipe(ofType('chat.said'))
 *     .subscribe(({ id, payload }) =>
 *       wire.next(createMessage('chat.said', payload, { correlationId: id })),
 *     );
 * });
 */
export function listen<P extends Principal | undefined = undefined>(server: Server, options?: ListenOptions<P>): Observable<ServerWire<P>>;
/** With a map of types for these wires, and the type of their principals. */
export function listen<Types extends object, P extends Principal | undefined = Principal | undefined>(
  server: Server,
  options?: ListenOptions<P>,
): Observable<ServerWire<P, MessageIn<Types>>>;
export function listen(server: Server, options: ListenOptions<Principal | undefined> = {}): Observable<AnyWire> {
  // An Express app emits events as well, but never an upgrade.
  if (typeof (server as Partial<Server> | undefined)?.address !== 'function')
    throw new TypeError('listen: "server" must be an HTTP server, as createServer(app) or app.listen() returns it');
  const { served, read, admissionOptions } = readListenOptions('listen', options);
  const { path, transports, maxFrame } = read;
  const { shutdown$: stopping$ = NEVER, scheduler, retryAfter } = served;

  const served$ = defer(() => {
    const fragments = maxFragments(maxFrame);
    const sockets = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      maxPayload: maxFrame,
      perMessageDeflate: false,
      maxFragments: fragments,
      maxBufferedChunks: fragments,
    });
    const admission = createAdmission({ ...served, ...admissionOptions }, scheduler);
    const handshakes = new PacedHandshakes(scheduler);
    const onFlood = (address: string): void => admission.charge(address);
    const socketOptions = { ...options, scheduler };
    const servedSocket = (socket: WebSocket, request: IncomingMessage, address: string): ServedSocket => ({
      connection: new AcceptedSocket(socket, socketOptions),
      protocol: 'websocket',
      address,
      onFlood,
      // Only `authenticate` needs the request, which takes as much memory as the rest of an idle
      // connection.
      ...(options.authenticate && { request }),
    });
    const sockets$ = acceptUpgrades(server, path, sockets, admission, servedSocket, handshakes);
    const shutdown$ = defer(() => stopping$).pipe(tap(() => admission.close(retryAfter)));
    const requests$ = httpLinks(linkRequests(server, path), {
      ...read,
      ...served,
      endpoint: path,
      admission,
      isAuthenticated: options.authenticate !== undefined,
    });
    const links$ = merge(transports.includes('websocket') ? sockets$ : EMPTY, requests$, blockFloods(server, admission, scheduler));
    const release = reservePath(server, path);
    return servedWires(links$, { ...served, endpoint: path, shutdown$, admission, handshakes }, createEnvelopeWires).pipe(
      finalize(release),
    );
  });
  return watchSubscribed('listen', guardWires(served$));
}
