import { ConnectionLostError, RxwireError } from '../errors.js';
import { ABNORMAL } from '../link/closeCode.js';

/** What others may throw, as one of our errors. */
export function asRxwireError(error: unknown): RxwireError {
  return error instanceof RxwireError ? error : new ConnectionLostError(ABNORMAL, String(error), false, error);
}
