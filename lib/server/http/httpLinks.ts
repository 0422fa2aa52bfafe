import {
  asapScheduler,
  catchError,
  defer,
  EMPTY,
  finalize,
  mergeMap,
  NEVER,
  type Observable,
  of,
  Subject,
  Subscription,
  take,
  takeUntil,
  tap,
} from 'rxjs';
import type { ForwardedRequest, ForwardedRequestHandler, ServerCluster } from '../../wire/session/serverCluster.js';
import { HttpHeader } from '../../io/http/httpHeaders.js';
import { createForwarder } from './forwardRequests.js';
import { HttpLinkRegistry, type HttpLinkRegistryOptions } from './httpLinkRegistry.js';
import { type HttpReply, respond, StatusError, statusErrorOf } from './httpStatus.js';
import type { ReceivedRequest } from './receivedRequest.js';
import type { OpenedHttpLink } from './servedHttpLink.js';
import { closeOf, type RequestHead } from './httpExchange.js';

export interface HttpLinksOptions extends HttpLinkRegistryOptions {
  readonly path: string;
  /** The maximum number of requests that are forwarded to other nodes at once. */
  readonly maxConnections: number;
  readonly cluster?: Pick<ServerCluster, 'node' | 'requests'>;
}

/** The requests to a server that belong to links. */
export interface LinkRequests {
  readonly requests$: Observable<Required<ReceivedRequest>>;
  /** Emits when the server has closed all connections. */
  readonly closed$: Observable<unknown>;
  /** Returns a request that another node has forwarded. */
  readonly forwarded: (request: ForwardedRequest) => ReceivedRequest;
}

/** Emits the links over requests to a server, one for each that a client opens. */
export function httpLinks({ requests$, closed$, forwarded }: LinkRequests, options: HttpLinksOptions): Observable<OpenedHttpLink> {
  const { path, admission, cluster: { node, requests } = {} } = options;

  return defer(() => {
    const links$ = new Subject<OpenedHttpLink>();
    const closing = new Subscription();
    const leave = (): void => {
      if (!registry.isStopped || registry.size > 0) return;
      // A request whose frames have stopped the server is still to be answered.
      asapScheduler.schedule(() => handling.unsubscribe());
      closing.unsubscribe();
    };
    const registry = new HttpLinkRegistry(options, requests && node, (link) => links$.next(link), leave);
    const forward = node !== undefined && requests && createForwarder(node, requests, registry, options);
    const handle = (request: Required<ReceivedRequest>): Observable<HttpReply> => {
      const { head, response } = request;
      const refusal = admission.inspect(head);
      if (refusal) return of(refusal);
      if (isPreflight(head)) return of({ status: 204, headers: preflightHeaders(head) });
      for (const [name, value] of Object.entries(corsHeaders(head))) response.setHeader(name, value);
      // The end of a link counts also if its client, such as a page that is closed, does not wait.
      const ended$ = head.method === 'DELETE' ? NEVER : closeOf(response);
      return answer(() => (forward && forward(request)) || registry.handle(request).pipe(takeUntil(ended$)));
    };
    const handleForwarded: ForwardedRequestHandler = (request) =>
      isPath(request.url, path) && registry.has(String(request.headers[HttpHeader.LINK]))
        ? answer(() => registry.handle(forwarded(request)))
        : undefined;
    const handled$ = requests$.pipe(
      mergeMap((request) =>
        handle(request).pipe(
          tap({
            next: (reply) => respond(request.response, reply),
            // The server has stopped meanwhile.
            unsubscribe: () => respond(request.response, new StatusError(503, { 'retry-after': '1' })),
          }),
          // The reply of another node may have a status or a header that HTTP does not allow.
          catchError((error: unknown) => {
            respond(request.response, statusErrorOf(error));
            return EMPTY;
          }),
        ),
      ),
    );
    const handling = handled$.subscribe({ error: (error: unknown) => links$.error(error) });
    handling.add(requests?.serve(handleForwarded));
    const stop = (): void => {
      registry.isStopped = true;
      // Polling clients must still be informed of the end.
      closing.add(closed$.subscribe(registry.closeAll));
      leave();
    };
    return links$.pipe(finalize(stop));
  });
}

/** Returns whether a request is for a path, and belongs to a link over requests. */
export function isLinkRequest(head: RequestHead, path: string): boolean {
  return isPath(head.url, path) && (HttpHeader.LINK in head.headers || isPreflight(head));
}

/** Returns whether the address of a request is a path, with or without a query. */
export const isPath = (url: string | undefined, path: string): boolean => url?.split('?', 1)[0] === path;

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
function isPreflight({ method, headers }: RequestHead): boolean {
  return method === 'OPTIONS' && askedFields(headers['access-control-request-headers']).includes(HttpHeader.LINK);
}

/**
 * Returns the headers that allow a page of this origin to read the response. The value is never a
 * wildcard, because responses depend on credentials.
 */
function corsHeaders({ headers: { origin } }: RequestHead): Record<string, string> {
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
function preflightHeaders(request: RequestHead): Record<string, string> {
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
