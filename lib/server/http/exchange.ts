import { IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from 'node:http';
import {
  defer,
  finalize,
  fromEvent,
  ignoreElements,
  map,
  merge,
  NEVER,
  type Observable,
  ReplaySubject,
  Subject,
  take,
  takeUntil,
  tap,
} from 'rxjs';
import { ConnectionLostError } from '../../errors.js';
import { CloseCode } from '../../link/closeCode.js';
import { Socket } from 'node:net';
import type { ForwardedRequest, ForwardedResponse } from '../../link/http/clusterRequests.js';

/** The part of a `ServerResponse` that a complete response needs. */
export interface HttpResponse {
  readonly headersSent: boolean;
  readonly destroyed: boolean;
  writeHead(status: number, headers: OutgoingHttpHeaders): unknown;
  end(body?: Uint8Array): unknown;
  on(event: 'close', listener: () => void): unknown;
}

/** A request and its response. */
export interface Exchange {
  /** Its body is in `body$`: a request that another node has forwarded has no stream. */
  readonly request: IncomingMessage;
  /** Reads the body. Fails if the client disconnects before the end. */
  readonly body$: Observable<Uint8Array>;
  readonly response: HttpResponse;
}

/** A request that this server itself has received, which may open a link. */
export interface ReceivedExchange extends Exchange {
  readonly response: ServerResponse;
}

export function createExchange(request: IncomingMessage, response: ServerResponse): ReceivedExchange {
  const broken$ = fromEvent(request, 'close').pipe(map(failOnDisconnect));
  const data$ = fromEvent(request, 'data') as Observable<Buffer>;
  return { request, response, body$: merge(data$, broken$).pipe(takeUntil(fromEvent(request, 'end'))) };
}

/** @throws {ConnectionLostError} Always. */
export function failOnDisconnect(): never {
  throw new ConnectionLostError(CloseCode.ABNORMAL, 'the client disconnected before the end of the request');
}

/** The headers of all responses, which must not be cached or buffered. */
export const COMMON_HEADERS: OutgoingHttpHeaders = {
  'cache-control': 'no-store',
  'x-accel-buffering': 'no',
  'x-content-type-options': 'nosniff',
};

/** Sends a complete response. */
export function respond(response: HttpResponse, status: number, headers: OutgoingHttpHeaders = {}, body?: Uint8Array): void {
  // A disconnected client gets no response: without a listener, a failed write would end the
  // process.
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, { ...COMMON_HEADERS, ...(status !== 204 && { 'content-length': body?.length ?? 0 }), ...headers });
  response.end(body);
}

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
