import type { retryBackoff as original, RetryBackoffConfig as OriginalConfig } from 'backoff-rxjs';
import { of, type Observable } from 'rxjs';
import { exponentialDelay, linearDelay, retryBackoff, type RetryBackoffConfig } from '../../lib/operators/retryBackoff.js';

// One operator for streams of any type.
const retrying = retryBackoff(1_000);
export const numbers: Observable<number> = of(1).pipe(retrying);
export const texts: Observable<string> = of('a').pipe(retrying);

// A drop-in: what may be given to the original may be given here, and the operator is of the same type.
export const dropIn: typeof original = retryBackoff;
export const config = (given: OriginalConfig): RetryBackoffConfig => given;

interface HttpError {
  readonly status: number;
}
// eslint-disable-next-line @typescript-eslint/no-unsafe-member-access -- users of the original write this
retryBackoff({ initialInterval: 1, shouldRetry: (error) => error.status >= 500 });
retryBackoff({ initialInterval: 1, shouldRetry: (error: HttpError) => error.status >= 500 });
retryBackoff({ initialInterval: 1, backoffDelay: linearDelay });
retryBackoff({ initialInterval: 1, backoffDelay: exponentialDelay });
retryBackoff({ initialInterval: 1, backoffDelay: (iteration, initialInterval) => iteration * initialInterval });

// @ts-expect-error there is nothing to grow from
retryBackoff({ maxRetries: 3 });
// @ts-expect-error the error of an attempt is unknown
retryBackoff({ initialInterval: 1, onRetry: ({ error }) => String(error.message) });
