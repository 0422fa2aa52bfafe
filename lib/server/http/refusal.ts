import type { OutgoingHttpHeaders } from 'node:http';
import { ConnectionLostError, FrameTooLargeError, ProtocolError, UnauthorizedError } from '../../errors.js';
import { CloseCode } from '../../link/closeCode.js';

/** Why a request is not done. Tells no more than its status. */
export class StatusError extends Error {
  constructor(
    readonly status: number,
    readonly headers: OutgoingHttpHeaders = {},
  ) {
    super(String(status));
  }
}

/** The status of whatever went wrong; nothing, when there is nobody left to tell. */
export function statusOf(error: unknown): StatusError {
  if (error instanceof StatusError) return error;
  if (error instanceof FrameTooLargeError) return new StatusError(413, { connection: 'close' });
  if (error instanceof ProtocolError) return new StatusError(400);
  if (error instanceof UnauthorizedError) return new StatusError(401);
  if (error instanceof ConnectionLostError)
    return new StatusError(error.closeCode === CloseCode.FORBIDDEN ? 403 : 503, { 'retry-after': '1' });
  return new StatusError(500);
}

/** With which close code a request that was refused so takes its link with it. */
export function codeOf(error: unknown): CloseCode {
  if (error instanceof FrameTooLargeError) return CloseCode.MESSAGE_TOO_BIG;
  return error instanceof ProtocolError ? CloseCode.BAD_FRAMES : CloseCode.ABNORMAL;
}
