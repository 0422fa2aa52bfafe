import type { IncomingMessage, Server } from 'node:http';
import { catchError, defer, EMPTY, finalize, mergeMap, noop, Subject, type Observable } from 'rxjs';
import { HttpHeader } from '../../link/http/headers.js';
import type { Admission } from '../admission.js';
import { corsHeaders, isPreflight, preflightHeaders } from './cors.js';
import { intercept, type Exchange } from './intercept.js';
import { statusOf } from './refusal.js';
import { respond } from './respond.js';
import type { Opened } from './entry.js';
import { route, type RouteLimits } from './routes.js';
import { createTable, type TableOptions } from './table.js';

export interface HttpLinksOptions extends Omit<TableOptions, 'isStopped' | 'onClosed'>, RouteLimits {
  readonly admission: Admission;
  readonly path: string;
}

/** The links over requests to a server, one for each that a client opens. */
export function httpLinks(server: Server, options: HttpLinksOptions): Observable<Opened> {
  const { path, admission } = options;
  const isOurs = (request: IncomingMessage): boolean =>
    request.url?.split('?', 1)[0] === path && (HttpHeader.LINK in request.headers || isPreflight(request));

  return defer(() => {
    const links$ = new Subject<Opened>();
    let isStopped = false;
    const leave = (): void => {
      if (!isStopped || table.size > 0) return;
      serving.unsubscribe();
      server.off('close', table.clear);
    };
    const table = createTable({ ...options, isStopped: () => isStopped, onClosed: leave });
    const handle = (exchange: Exchange): Observable<Opened> => {
      const { request, response } = exchange;
      // Without a listener, a client that has gone would take the process with it.
      response.on('error', noop);
      const refusal = admission.inspect(request);
      if (refusal) respond(response, refusal.status, refusal.headers);
      else if (isPreflight(request)) respond(response, 204, preflightHeaders(request));
      else return answer(exchange, () => route(exchange, table, options));
      return EMPTY;
    };
    const serving = intercept(server, isOurs).pipe(mergeMap(handle)).subscribe(links$);
    const stop = (): void => {
      isStopped = true;
      // Whoever polls is still to be told that it is over.
      server.once('close', table.clear);
      leave();
    };
    return links$.pipe(finalize(stop));
  });
}

function answer(exchange: Exchange, route: () => Observable<Opened>): Observable<Opened> {
  const { request, response } = exchange;
  for (const [name, value] of Object.entries(corsHeaders(request))) response.setHeader(name, value as string);
  return defer(route).pipe(
    catchError((error: unknown) => {
      const { status, headers } = statusOf(error);
      respond(response, status, headers);
      return EMPTY;
    }),
  );
}
