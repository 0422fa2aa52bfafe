import type { OutgoingHttpHeaders } from 'node:http';
import { CallbackError, ConnectionLostError, FrameTooLargeError, ProtocolError, UnauthorizedError } from '../../message/errors.js';
import { CloseCode } from '../../message/closeCode.js';
import type { ForwardedResponse as HttpReply } from '../../wire/session/serverCluster.js';
import type { ResponseWriter } from './httpExchange.js';

/** A complete response, also of a request that another node has forwarded. */
export type { ForwardedResponse as HttpReply } from '../../wire/session/serverCluster.js';

/** Rejects a request with a status, and reveals nothing more. It is the reply, too. */
export class StatusError extends Error implements HttpReply {
  constructor(
    readonly status: number,
    readonly headers: HttpReply['headers'] = {},
  ) {
    super(String(status));
  }
}

export function statusErrorOf(error: unknown): StatusError {
  if (error instanceof StatusError) return error;
  if (error instanceof FrameTooLargeError) return new StatusError(413, { connection: 'close' });
  if (error instanceof ProtocolError) return new StatusError(400);
  if (error instanceof UnauthorizedError) return new StatusError(401);
  if (error instanceof ConnectionLostError)
    return new StatusError(error.closeCode === CloseCode.FORBIDDEN ? 403 : 503, { 'retry-after': '1' });
  if (error instanceof CallbackError) return new StatusError(503, { 'retry-after': '1' });
  return new StatusError(500);
}

/** Returns the close code of the link whose request failed with an error. */
export function closeCodeOf(error: unknown): CloseCode {
  if (error instanceof FrameTooLargeError) return CloseCode.MESSAGE_TOO_BIG;
  return error instanceof ProtocolError ? CloseCode.BAD_FRAMES : CloseCode.ABNORMAL;
}

/** The headers of all responses, which must not be cached or buffered. */
export const COMMON_HEADERS: OutgoingHttpHeaders = {
  'cache-control': 'no-store',
  'x-accel-buffering': 'no',
  'x-content-type-options': 'nosniff',
};

export function respond(response: ResponseWriter, { status, headers, body }: HttpReply): void {
  // A disconnected client gets no response: without a listener, a failed write would end the
  // process.
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, { ...COMMON_HEADERS, ...(status !== 204 && { 'content-length': body?.length ?? 0 }), ...headers });
  response.end(body);
}
