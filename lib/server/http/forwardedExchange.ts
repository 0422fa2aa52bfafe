import { IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { Socket } from 'node:net';
import { defer, finalize, ignoreElements, map, merge, NEVER, ReplaySubject, Subject, take, takeUntil, tap, type Observable } from 'rxjs';
import type { ForwardedRequest, ForwardedResponse } from '../../link/http/clusterRequests.js';
import { failOnDisconnect, type Exchange, type HttpResponse } from './exchange.js';

/**
 * Handles a request that another node has forwarded. Emits the response. Unsubscribing before that
 * is the disconnect of the client.
 */
export function respondToForwarded(
  forwarded: ForwardedRequest,
  handle: (exchange: Exchange) => Observable<unknown>,
): Observable<ForwardedResponse> {
  return defer(() => {
    const response$ = new ReplaySubject<ForwardedResponse>(1);
    const closed$ = new Subject<void>();
    let head: Pick<ForwardedResponse, 'status' | 'headers'> | undefined;
    let isDestroyed = false;
    const response: HttpResponse = {
      get headersSent() {
        return head !== undefined;
      },
      get destroyed() {
        return isDestroyed;
      },
      writeHead: (status, headers) => void (head = { status, headers }),
      end: (body) => head && response$.next({ ...head, ...(body && { body }) }),
      on: (_, listener) => closed$.subscribe(listener),
    };
    const close = (): void => {
      isDestroyed = true;
      closed$.next();
    };
    const body$ = untilClosed(forwarded.body$, closed$);
    const handled$ = handle({ request: requestOf(forwarded), body$, response });
    // The exchange closes first, so that its handler learns of the disconnect.
    return merge(NEVER.pipe(finalize(close)), response$, handled$.pipe(ignoreElements())).pipe(take(1));
  });
}

/** Fails if the client disconnects before the end of the body. */
function untilClosed(body$: Observable<Uint8Array>, closed$: Observable<void>): Observable<Uint8Array> {
  return defer(() => {
    const ended$ = new Subject<void>();
    return merge(body$.pipe(tap({ complete: () => ended$.next() })), closed$.pipe(map(failOnDisconnect))).pipe(takeUntil(ended$));
  });
}

/** Returns the request for functions that read its head, such as `authenticate`. */
function requestOf({ method, url, headers, address }: ForwardedRequest): IncomingMessage {
  const socket = Object.defineProperty(new Socket(), 'remoteAddress', { value: address });
  return Object.assign(new IncomingMessage(socket), { method, url, headers, rawHeaders: rawHeadersOf(headers) });
}

function rawHeadersOf(headers: OutgoingHttpHeaders): string[] {
  return Object.entries(headers).flatMap(([name, values]) => [values ?? []].flat().flatMap((value) => [name, String(value)]));
}
