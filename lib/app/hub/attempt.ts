import { catchError, EMPTY, isObservable, type Observable } from 'rxjs';
import type { Later } from '../../internal/later.js';

/** Does what may fail, now or later; there is an end to it then, too. */
export function attempt(work: () => Later<void>, onFailed: (error: unknown) => void): Later<void> {
  const fail = (error: unknown): Observable<void> => {
    onFailed(error);
    return EMPTY;
  };
  try {
    const later = work();
    return isObservable(later) ? later.pipe(catchError(fail)) : later;
  } catch (error) {
    onFailed(error);
  }
}
