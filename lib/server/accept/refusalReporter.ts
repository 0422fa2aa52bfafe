import { CallbackError, DecodeError, RxwireError, StoreError } from '../../errors.js';
import { guard } from '../../internal/guard.js';
import { reportUncaught } from '../../internal/reportUncaught.js';

/**
 * Returns a function that reports why a connection was refused: to `onRefused`. Without it, only
 * failures of the server itself are reported.
 */
export function createRefusalReporter(onRefused: ((error: RxwireError) => void) | undefined): (error: unknown) => void {
  return (error) => {
    const refusal = error instanceof RxwireError ? error : new DecodeError('hello', 'the first frame is not readable', error);
    if (onRefused)
      guard(
        () => onRefused(refusal),
        (cause) => reportUncaught(new CallbackError('onRefused', cause)),
      );
    else if (refusal instanceof CallbackError || refusal instanceof StoreError) reportUncaught(refusal);
  };
}
