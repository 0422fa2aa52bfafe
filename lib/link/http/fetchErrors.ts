import { ConnectionLostError } from '../../errors.js';
import { ABNORMAL, CloseCode } from '../closeCode.js';
import type { FetchResponse } from './httpLinkOptions.js';

/** The close codes of HTTP statuses. */
const CODES: Readonly<Record<number, number>> = {
  400: CloseCode.BAD_FRAMES,
  401: CloseCode.UNAUTHORIZED,
  403: CloseCode.FORBIDDEN,
  405: CloseCode.UNSUPPORTED_DATA,
  406: CloseCode.UNSUPPORTED_DATA,
  413: CloseCode.MESSAGE_TOO_BIG,
  429: CloseCode.TRY_AGAIN_LATER,
  500: CloseCode.INTERNAL_ERROR,
  502: CloseCode.BAD_GATEWAY,
  503: CloseCode.TRY_AGAIN_LATER,
  504: CloseCode.BAD_GATEWAY,
};

/** Returns the error for a response with an unexpected status. */
export function statusError({ status }: FetchResponse): ConnectionLostError {
  return new ConnectionLostError(CODES[status] ?? ABNORMAL, `the server answers ${status}`);
}

/** Returns the error for an exception of `fetch`. */
export function requestError(cause: unknown): ConnectionLostError {
  const { message, code } = Object((cause as { readonly cause?: unknown } | undefined)?.cause ?? cause) as {
    readonly message?: string;
    readonly code?: string;
  };
  return new ConnectionLostError(ABNORMAL, message || code || '', false, cause);
}
