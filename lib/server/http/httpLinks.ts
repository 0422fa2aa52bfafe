import type { IncomingMessage, OutgoingHttpHeaders, Server, ServerResponse } from 'node:http';
import { catchError, defer, EMPTY, finalize, map, mergeMap, noop, type Observable, Subject } from 'rxjs';
import { ProtocolError } from '../../errors.js';
import { HttpHeader } from '../../link/http/httpHeaders.js';
import type { Admission } from '../accept/admission.js';
import type { ForwardedRequestHandler } from '../../link/http/clusterRequests.js';
import type { ServerCluster } from '../../session/serverCluster.js';
import { createExchange, type HttpResponse, type ReceivedExchange, respond, respondToForwarded } from './exchange.js';
import { createForwarder } from './forwardRequests.js';
import { statusErrorOf } from './statusError.js';
import type { OpenedHttpLink } from './servedHttpLink.js';
import { handleRequest, type OpenLink, type RequestLimits } from './handleRequest.js';
import { HttpLinkRegistry, type HttpLinkRegistryOptions } from './httpLinkRegistry.js';
import { interceptEvents } from '../accept/interceptEvents.js';

export interface HttpLinksOptions extends Omit<HttpLinkRegistryOptions, 'isStopped' | 'onClosed' | 'node'>, RequestLimits {
  readonly admission: Admission;
  readonly path: string;
  /** The maximum number of requests that are forwarded to other nodes at once. */
  readonly maxConnections: number;
  readonly cluster?: Pick<ServerCluster, 'node' | 'requests'>;
}

/** Emits the links over requests to a server, one for each that a client opens. */
export function httpLinks(server: Server, options: HttpLinksOptions): Observable<OpenedHttpLink> {
  const { path, admission, maxConnections, cluster: { node, requests } = {} } = options;
  const isPath = (url: string | undefined): boolean => url?.split('?', 1)[0] === path;
  const isOurs = (request: IncomingMessage): boolean => isPath(request.url) && (HttpHeader.LINK in request.headers || isPreflight(request));

  return defer(() => {
    const links$ = new Subject<OpenedHttpLink>();
    let isStopped = false;
    const leave = (): void => {
      if (!isStopped || registry.size > 0) return;
      handling.unsubscribe();
      server.off('close', registry.closeAll);
    };
    const registry = new HttpLinkRegistry({ ...options, node: requests && node, isStopped: () => isStopped, onClosed: leave });
    const forward = node !== undefined && requests && createForwarder({ node, requests, registry, admission, maxRequests: maxConnections });
    const handle = (exchange: ReceivedExchange): Observable<OpenedHttpLink> => {
      const { request, response } = exchange;
      // Without a listener, an error of a disconnected client would end the process.
      response.on('error', noop);
      const refusal = admission.inspect(request);
      if (refusal) respond(response, refusal.status, refusal.headers);
      else if (isPreflight(request)) respond(response, 204, preflightHeaders(request));
      else {
        for (const [name, value] of Object.entries(corsHeaders(request))) response.setHeader(name, value as string);
        const open: OpenLink = (name, frames) => registry.open(exchange, name, frames);
        return answer(response, () => (forward && forward(exchange)) || handleRequest(exchange, registry, options, open));
      }
      return EMPTY;
    };
    const handleForwarded: ForwardedRequestHandler = (request) => {
      if (!isPath(request.url) || !registry.has(String(request.headers[HttpHeader.LINK]))) return undefined;
      return respondToForwarded(request, (exchange) =>
        answer(exchange.response, () => handleRequest(exchange, registry, options, refuseOpening)),
      );
    };
    const handling = interceptRequests(server, isOurs).pipe(mergeMap(handle)).subscribe(links$);
    handling.add(requests?.serve(handleForwarded));
    const stop = (): void => {
      isStopped = true;
      // Polling clients must still be informed of the end.
      server.once('close', registry.closeAll);
      leave();
    };
    return links$.pipe(finalize(stop));
  });
}

function answer(response: HttpResponse, route: () => Observable<OpenedHttpLink>): Observable<OpenedHttpLink> {
  return defer(route).pipe(
    catchError((error: unknown) => {
      const { status, headers } = statusErrorOf(error);
      respond(response, status, headers);
      return EMPTY;
    }),
  );
}

function refuseOpening(): never {
  throw new ProtocolError('a forwarded request opens a link');
}

/**
 * Emits the matching requests, and hides them from all other listeners of the server: Express would
 * respond to unknown requests.
 */
function interceptRequests(server: Server, isOurs: (request: IncomingMessage) => boolean): Observable<ReceivedExchange> {
  return interceptEvents<[IncomingMessage, ServerResponse]>(server, 'request', isOurs).pipe(
    map(([request, response]) => createExchange(request, response)),
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
function corsHeaders({ headers: { origin } }: IncomingMessage): OutgoingHttpHeaders {
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
function preflightHeaders(request: IncomingMessage): OutgoingHttpHeaders {
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
