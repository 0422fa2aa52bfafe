import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';

/** Of all answers: they are for nobody else, and are passed on as they come. */
export const COMMON_HEADERS: OutgoingHttpHeaders = {
  'cache-control': 'no-store',
  'x-accel-buffering': 'no',
  'x-content-type-options': 'nosniff',
};

/** An answer that is complete. */
export function respond(response: ServerResponse, status: number, headers: OutgoingHttpHeaders = {}, body?: Uint8Array): void {
  // Whoever has left is told nothing; without a listener, a failed write would take the process with it.
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, { ...COMMON_HEADERS, ...(status !== 204 && { 'content-length': body?.length ?? 0 }), ...headers });
  response.end(body);
}
