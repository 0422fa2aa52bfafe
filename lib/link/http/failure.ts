import { ConnectionLostError } from '../../errors.js';
import { ABNORMAL, CloseCode } from '../closeCode.js';
import type { FetchResponse } from './options.js';

/** What the statuses say that say more than that it did not work. */
const CODES: Readonly<Record<number, number>> = {
  400: CloseCode.BAD_FRAMES,
  401: CloseCode.UNAUTHORIZED,
  403: CloseCode.FORBIDDEN,
  405: CloseCode.PROTOCOL_ERROR,
  406: CloseCode.PROTOCOL_ERROR,
  413: CloseCode.MESSAGE_TOO_BIG,
  429: CloseCode.TRY_AGAIN_LATER,
  500: CloseCode.INTERNAL_ERROR,
  502: CloseCode.BAD_GATEWAY,
  503: CloseCode.TRY_AGAIN_LATER,
  504: CloseCode.BAD_GATEWAY,
};

/** What an answer says that is not the one that was asked for. */
export function failureOf({ status }: FetchResponse): ConnectionLostError {
  return new ConnectionLostError(CODES[status] ?? ABNORMAL, `the server answers ${status}`);
}

/** What `fetch` has thrown. */
export function unreachable(cause: unknown): ConnectionLostError {
  const { message, code } = Object((cause as { readonly cause?: unknown } | undefined)?.cause ?? cause) as {
    readonly message?: string;
    readonly code?: string;
  };
  return new ConnectionLostError(ABNORMAL, message || code || '', false, cause);
}
