import type { IncomingMessage } from 'node:http';
import { defer, merge, NEVER, noop, share, Subject, tap, type Observable } from 'rxjs';
import type { AcceptedSocket } from '../../io/acceptedSocket.js';
import { checkOptions, watchSubscribed } from '../../message/development.js';
import { once } from '../../message/once.js';
import { createAdmission } from '../accept/admission.js';
import { createEnvelopeWires } from '../envelope/envelopeWires.js';
import { httpLinks, isLinkRequest, isPath } from '../http/httpLinks.js';
import type { ReceivedRequest } from '../http/receivedRequest.js';
import { type ListenOptions, readListenOptions } from '../listenOptions.js';
import type { Authenticate, Principal, ServerWire } from '../principal.js';
import { guardWires, servedWires } from '../serve.js';
import type { ServedSocket } from '../serverOptions.js';
import { bunWebSocketHandler, type BunWebSocketHandler } from './bunSockets.js';
import { bodyOf, FetchResponseWriter, forwardedFetch, headOf, requestOfHead } from './fetchExchange.js';
import { hibernate, type HibernationHandlers, type HibernationState } from './hibernation.js';
import { addressOf, upgradeSocket } from './upgradeSocket.js';

/** The options of {@link fetchHandler}: those of `listen`, with web-standard requests. */
export interface FetchHandlerOptions<P extends Principal | undefined = undefined> extends Omit<ListenOptions<P>, 'authenticate'> {
  /**
   * Returns the principal of a client, as the option of `listen` does. `request` is a web-standard
   * `Request`.
   * @default all clients are anonymous
   */
  readonly authenticate?: Authenticate<P, Request>;
  /**
   * The state of the Durable Object: `ctx`. While its clients are idle, the object may then leave
   * the memory: its WebSockets stay open, and the runtime answers their pings. When something wakes
   * the object, all clients connect again at once, and continue their sessions. This needs an
   * `inbox`, an `outbox`, and the methods {@link FetchHandler.hibernation} of the object.
   * @default the object stays in memory while a client is connected
   */
  readonly hibernation?: HibernationState;
}

/** Serves wires in a runtime whose servers call a function for each request. */
export interface FetchHandler<P extends Principal | undefined = undefined> {
  /**
   * Emits a wire for each client. The handler serves clients while this has a subscriber. Further
   * subscribers receive the same wires.
   */
  readonly wires$: Observable<ServerWire<P>>;
  /**
   * Responds to a request. Without a subscriber of `wires$`, the status is 503; for another path,
   * 404.
   *
   * @param context The second argument of the function that the runtime calls: the server of Bun,
   *   or the information about the request of Deno.
   */
  readonly fetch: (request: Request, context?: unknown) => Response | Promise<Response>;
  /** The option `websocket` of `Bun.serve`. */
  readonly websocket: BunWebSocketHandler;
  /** The methods for WebSockets of a Durable Object that hibernates. */
  readonly hibernation: HibernationHandlers;
}

/** The requests of a handler while `wires$` has subscribers. */
interface ServedRequests {
  readonly upgrade: (request: Request, context: unknown) => Response;
  readonly requests$: Subject<Required<ReceivedRequest>>;
}

const UNAVAILABLE: ResponseInit = { status: 503, headers: { 'Retry-After': '1' } };

/**
 * Serves wires on Bun, on Deno, and in a Durable Object of Cloudflare, over WebSockets, server-sent
 * events and long polling. Imports no module of Node. On Node, use `listen`.
 *
 * In another runtime, clients can use server-sent events and long polling.
 *
 * In a Durable Object, the address of a client is the header `CF-Connecting-IP`. An object that
 * hibernates does not detect silent clients. Deno counts a client that ignores the close frame
 * until it disconnects: set `maxPerAddress`. Deno and Durable Objects read a frame above `maxFrame`
 * before they close the connection.
 *
 * @throws {RangeError} At call time, if a number is out of range.
 * @throws {TypeError} At call time, if an option is invalid, as for `listen`.
 * @example
 * import { createMessage, ofType } from 'rxwire';
 * import { fetchHandler } from 'rxwire/fetch';
 *
 * const { wires$, fetch, websocket } = fetchHandler({ path: '/wire' });
 * wires$.subscribe((wire) => {
 *   wire
 *     .pipe(ofType('chat.said'))
 *     .subscribe(({ payload }) => wire.next(createMessage('chat.said', payload)));
 * });
 * // Bun: Bun.serve({ port: 4870, fetch, websocket });
 * // Deno: Deno.serve({ port: 4870 }, fetch);
 */
export function fetchHandler<P extends Principal | undefined = undefined>(options: FetchHandlerOptions<P> = {}): FetchHandler<P> {
  checkOptions('fetchHandler', options);
  const { authenticate, hibernation: state, ...listenOptions } = options;
  const { served, read, admissionOptions } = readListenOptions('fetchHandler', {
    ...listenOptions,
    authenticate: authenticate && (({ request, ...token }) => authenticate({ request: requestOfHead(request), ...token })),
  } as ListenOptions<Principal | undefined>);
  const { path, transports, maxFrame } = read;
  const { shutdown$: stopping$ = NEVER, scheduler, retryAfter } = served;
  const hibernation = state && hibernate(state, path, served.window);
  let latest: ServedRequests | undefined;

  const served$ = defer(() => {
    const admission = createAdmission({ ...served, ...admissionOptions }, scheduler);
    const sockets$ = new Subject<ServedSocket>();
    const requests$ = new Subject<Required<ReceivedRequest>>();
    const onFlood = (address: string): void => admission.charge(address);
    const upgrade = (request: Request, context: unknown): Response => {
      if (!sockets$.observed) return emptyResponse(UNAVAILABLE);
      const head = headOf(request, addressOf(request, context));
      const address = admission.addressOf(head);
      const entered = admission.throttle(address) ?? admission.inspect(head) ?? admission.enter(address);
      if (typeof entered !== 'function') return emptyResponse(entered);
      const accept = (connection: AcceptedSocket): void => {
        const link = {
          connection,
          protocol: 'websocket',
          address,
          onFlood,
          ...(authenticate && { request: head as unknown as IncomingMessage }),
        };
        if (sockets$.observed) sockets$.next(link);
        else connection.unsubscribe();
      };
      const leave = once(entered);
      try {
        const socketOptions = { ...listenOptions, scheduler, maxFrame, onClosed: leave };
        const upgraded = transports.includes('websocket') && upgradeSocket(request, context, socketOptions, hibernation, accept);
        if (upgraded) return upgraded;
      } catch (error) {
        // The runtime does not accept the socket: it may have too many.
        leave();
        throw error;
      }
      leave();
      return emptyResponse({ status: 406 });
    };
    const links$ = httpLinks(
      { requests$, closed$: NEVER, forwarded: forwardedFetch },
      { ...read, ...served, endpoint: path, admission, isAuthenticated: authenticate !== undefined },
    );
    latest = { upgrade, requests$ };
    const shutdown$ = defer(() => stopping$).pipe(tap(() => admission.close(retryAfter)));
    return servedWires<P>(
      merge(sockets$, links$),
      { ...served, endpoint: path, shutdown$, admission, hibernates: state !== undefined },
      createEnvelopeWires,
    );
  });
  return {
    wires$: watchSubscribed('fetchHandler', guardWires(served$.pipe(share()))),
    fetch(request, context) {
      // After the end of `wires$`, clients still receive the ends of their links.
      if (!latest?.requests$.observed) return emptyResponse(UNAVAILABLE);
      // Bun and Deno put the header `host` into the address unchecked.
      if (!URL.canParse(request.url)) return emptyResponse({ status: 400 });
      const head = headOf(request, addressOf(request, context));
      if (isPath(head.url, path) && request.headers.get('upgrade')?.toLowerCase() === 'websocket') return latest.upgrade(request, context);
      if (!isLinkRequest(head, path)) return emptyResponse({ status: 404 });
      const response = new FetchResponseWriter(request.signal);
      latest.requests$.next({ head, response, body$: bodyOf(request) });
      return response.response;
    },
    websocket: bunWebSocketHandler(maxFrame),
    hibernation: hibernation?.handlers ?? NO_HANDLERS,
  };
}

/** Without hibernation, the sockets have listeners of their own. */
const NO_HANDLERS: HibernationHandlers = { webSocketMessage: noop, webSocketClose: noop, webSocketError: noop };

function emptyResponse(init: ResponseInit): Response {
  return new Response(null, init);
}
