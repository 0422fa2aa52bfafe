import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { fromEvent, map, merge, type Observable, takeUntil } from 'rxjs';
import { ConnectionLostError } from '../../errors.js';
import { CloseCode } from '../../link/closeCode.js';

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
