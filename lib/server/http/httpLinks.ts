import type { IncomingMessage, Server } from 'node:http';
import { catchError, defer, EMPTY, finalize, mergeMap, noop, Subject, type Observable } from 'rxjs';
import { HttpHeader } from '../../link/http/httpHeaders.js';
import type { Admission } from '../accept/admission.js';
import { corsHeaders, isPreflight, preflightHeaders } from './cors.js';
import { interceptRequests, type Exchange } from './interceptRequests.js';
import { statusErrorOf } from './statusError.js';
import { respond } from './respond.js';
import type { OpenedHttpLink } from './servedHttpLink.js';
import { handleRequest, type RequestLimits } from './handleRequest.js';
import { createHttpLinkRegistry, type HttpLinkRegistryOptions } from './httpLinkRegistry.js';

export interface HttpLinksOptions extends Omit<HttpLinkRegistryOptions, 'isStopped' | 'onClosed'>, RequestLimits {
  readonly admission: Admission;
  readonly path: string;
}

/** Emits the links over requests to a server, one for each that a client opens. */
export function httpLinks(server: Server, options: HttpLinksOptions): Observable<OpenedHttpLink> {
  const { path, admission } = options;
  const isOurs = (request: IncomingMessage): boolean =>
    request.url?.split('?', 1)[0] === path && (HttpHeader.LINK in request.headers || isPreflight(request));

  return defer(() => {
    const links$ = new Subject<OpenedHttpLink>();
    let isStopped = false;
    const leave = (): void => {
      if (!isStopped || registry.size > 0) return;
      handling.unsubscribe();
      server.off('close', registry.closeAll);
    };
    const registry = createHttpLinkRegistry({ ...options, isStopped: () => isStopped, onClosed: leave });
    const handle = (exchange: Exchange): Observable<OpenedHttpLink> => {
      const { request, response } = exchange;
      // Without a listener, an error of a disconnected client would end the process.
      response.on('error', noop);
      const refusal = admission.inspect(request);
      if (refusal) respond(response, refusal.status, refusal.headers);
      else if (isPreflight(request)) respond(response, 204, preflightHeaders(request));
      else return answer(exchange, () => handleRequest(exchange, registry, options));
      return EMPTY;
    };
    const handling = interceptRequests(server, isOurs).pipe(mergeMap(handle)).subscribe(links$);
    const stop = (): void => {
      isStopped = true;
      // Polling clients must still be informed of the end.
      server.once('close', registry.closeAll);
      leave();
    };
    return links$.pipe(finalize(stop));
  });
}

function answer(exchange: Exchange, route: () => Observable<OpenedHttpLink>): Observable<OpenedHttpLink> {
  const { request, response } = exchange;
  for (const [name, value] of Object.entries(corsHeaders(request))) response.setHeader(name, value as string);
  return defer(route).pipe(
    catchError((error: unknown) => {
      const { status, headers } = statusErrorOf(error);
      respond(response, status, headers);
      return EMPTY;
    }),
  );
}
