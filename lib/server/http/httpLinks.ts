import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import {
  asapScheduler,
  catchError,
  defer,
  EMPTY,
  finalize,
  fromEvent,
  mergeMap,
  NEVER,
  noop,
  type Observable,
  of,
  Subject,
  take,
  takeUntil,
  tap,
} from 'rxjs';
import type { ForwardedRequestHandler, ServerCluster } from '../../wire/session/serverCluster.js';
import { HttpHeader } from '../../io/http/httpHeaders.js';
import { interceptEvents } from '../accept/serverEvents.js';
import { createForwarder } from './forwardRequests.js';
import { HttpLinkRegistry, type HttpLinkRegistryOptions } from './httpLinkRegistry.js';
import { type HttpReply, respond, statusErrorOf } from './httpStatus.js';
import { forwardedRequest, requestOf } from './receivedRequest.js';
import type { OpenedHttpLink } from './servedHttpLink.js';

export interface HttpLinksOptions extends HttpLinkRegistryOptions {
  readonly path: string;
  /** The maximum number of requests that are forwarded to other nodes at once. */
  readonly maxConnections: number;
  readonly cluster?: Pick<ServerCluster, 'node' | 'requests'>;
}

/**
 * Emits the links over requests to a server, one for each that a client opens. Hides their requests
 * from all other listeners of the server: Express would respond to unknown requests.
 */
export function httpLinks(server: Server, options: HttpLinksOptions): Observable<OpenedHttpLink> {
  const { path, admission, cluster: { node, requests } = {} } = options;
  const isPath = (url: string | undefined): boolean => url?.split('?', 1)[0] === path;
  const isOurs = (request: IncomingMessage): boolean => isPath(request.url) && (HttpHeader.LINK in request.headers || isPreflight(request));

  return defer(() => {
    const links$ = new Subject<OpenedHttpLink>();
    const leave = (): void => {
      if (!registry.isStopped || registry.size > 0) return;
      // A request whose frames have stopped the server is still to be answered.
      asapScheduler.schedule(() => handling.unsubscribe());
      server.off('close', registry.closeAll);
    };
    const registry = new HttpLinkRegistry(options, requests && node, (link) => links$.next(link), leave);
    const forward = node !== undefined && requests && createForwarder(node, requests, registry, options);
    const handle = (head: IncomingMessage, response: ServerResponse): Observable<HttpReply> => {
      const refusal = admission.inspect(head);
      if (refusal) return of(refusal);
      if (isPreflight(head)) return of({ status: 204, headers: preflightHeaders(head) });
      for (const [name, value] of Object.entries(corsHeaders(head))) response.setHeader(name, value);
      const request = requestOf(head, response);
      // The end of a link counts also if its client, such as a page that is closed, does not wait.
      const closed$ = head.method === 'DELETE' ? NEVER : fromEvent(response, 'close');
      return answer(() => (forward && forward(request)) || registry.handle(request).pipe(takeUntil(closed$)));
    };
    const handleForwarded: ForwardedRequestHandler = (request) =>
      isPath(request.url) && registry.has(String(request.headers[HttpHeader.LINK]))
        ? answer(() => registry.handle(forwardedRequest(request)))
        : undefined;
    const handled$ = interceptEvents<[IncomingMessage, ServerResponse]>(server, 'request', isOurs).pipe(
      mergeMap(([head, response]) => {
        // Without a listener, an error of a disconnected client would end the process.
        response.on('error', noop);
        return handle(head, response).pipe(
          tap((reply) => respond(response, reply)),
          // The reply of another node may have a status or a header that HTTP does not allow.
          catchError((error: unknown) => {
            respond(response, statusErrorOf(error));
            return EMPTY;
          }),
        );
      }),
    );
    const handling = handled$.subscribe({ error: (error: unknown) => links$.error(error) });
    handling.add(requests?.serve(handleForwarded));
    const stop = (): void => {
      registry.isStopped = true;
      // Polling clients must still be informed of the end.
      server.once('close', registry.closeAll);
      leave();
    };
    return links$.pipe(finalize(stop));
  });
}

/** Emits one reply at most: an error becomes the reply that it stands for. */
function answer(route: () => Observable<HttpReply>): Observable<HttpReply> {
  return defer(route).pipe(
    catchError((error: unknown) => of(statusErrorOf(error))),
    take(1),
  );
}

/**
 * Returns whether a request is the preflight of a request with a link id:
 * https://fetch.spec.whatwg.org/#cors-preflight-fetch
 */
function isPreflight({ method, headers }: IncomingMessage): boolean {
  return method === 'OPTIONS' && askedFields(headers['access-control-request-headers']).includes(HttpHeader.LINK);
}

/**
 * Returns the headers that allow a page of this origin to read the response. The value is never a
 * wildcard, because responses depend on credentials.
 */
function corsHeaders({ headers: { origin } }: IncomingMessage): Record<string, string> {
  if (origin === undefined) return {};
  return {
    'access-control-allow-origin': origin,
    'access-control-allow-credentials': 'true',
    'access-control-expose-headers': `retry-after, ${HttpHeader.NODE}`,
    vary: 'Origin',
  };
}

/**
 * Returns the headers that allow the request, with any header fields, because the origin is
 * trusted.
 */
function preflightHeaders(request: IncomingMessage): Record<string, string> {
  return {
    ...corsHeaders(request),
    'access-control-allow-methods': 'GET, POST, DELETE',
    'access-control-allow-headers': askedFields(request.headers['access-control-request-headers']).join(', '),
    'access-control-max-age': '600',
  };
}

function askedFields(list: unknown): readonly string[] {
  const names = typeof list === 'string' ? list.split(',').map((name) => name.trim().toLowerCase()) : [];
  return names.filter((name) => /^[\w-]{1,64}$/.test(name)).slice(0, 64);
}
