import type { OutgoingHttpHeaders } from 'node:http';
import { CallbackError, ConnectionLostError, FrameTooLargeError, ProtocolError, UnauthorizedError } from '../../errors.js';
import { CloseCode } from '../../link/closeCode.js';

/** Rejects a request with a status, and reveals nothing more. */
export class StatusError extends Error {
  constructor(
    readonly status: number,
    readonly headers: OutgoingHttpHeaders = {},
  ) {
    super(String(status));
  }
}

/** Returns the status for an error. */
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
