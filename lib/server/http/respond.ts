import type { OutgoingHttpHeaders } from 'node:http';
import type { HttpResponse } from './exchange.js';

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
