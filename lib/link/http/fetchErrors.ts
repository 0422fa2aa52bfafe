import { ConnectionLostError } from '../../errors.js';
import {
  ABNORMAL,
  BAD_FRAMES,
  BAD_GATEWAY,
  FORBIDDEN,
  INTERNAL_ERROR,
  MESSAGE_TOO_BIG,
  TRY_AGAIN_LATER,
  UNAUTHORIZED,
  UNSUPPORTED_DATA,
} from '../closeCode.js';
import type { FetchResponse } from './httpLinkOptions.js';

/** Returns the error for a response with an unexpected status. */
export function statusError({ status }: FetchResponse): ConnectionLostError {
  return new ConnectionLostError(closeCodeOf(status), `the server answers ${status}`);
}

/** Returns the close code of an HTTP status. */
function closeCodeOf(status: number): number {
  const codes: Readonly<Record<number, number>> = {
    400: BAD_FRAMES,
    401: UNAUTHORIZED,
    403: FORBIDDEN,
    405: UNSUPPORTED_DATA,
    406: UNSUPPORTED_DATA,
    413: MESSAGE_TOO_BIG,
    429: TRY_AGAIN_LATER,
    500: INTERNAL_ERROR,
    502: BAD_GATEWAY,
    503: TRY_AGAIN_LATER,
    504: BAD_GATEWAY,
  };
  return codes[status] ?? ABNORMAL;
}

/** Returns the error for an exception of `fetch`. */
export function requestError(cause: unknown): ConnectionLostError {
  const { message, code } = Object((cause as { readonly cause?: unknown } | undefined)?.cause ?? cause) as {
    readonly message?: string;
    readonly code?: string;
  };
  return new ConnectionLostError(ABNORMAL, message || code || '', false, cause);
}
