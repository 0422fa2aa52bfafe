import { identity, throwError } from 'rxjs';
import type { MaybeAsync } from '../../internal/maybeAsync.js';

/** Returns the result of `work`. Delivers its exception, as `errorOf` converts it. */
export function delivered<T>(work: () => MaybeAsync<T>, errorOf: (reason: unknown) => unknown = identity): MaybeAsync<T> {
  try {
    return work();
  } catch (reason) {
    return throwError(() => errorOf(reason));
  }
}
