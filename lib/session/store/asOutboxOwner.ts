import { defer, tap, type Observable, type Subject } from 'rxjs';
import { StoreError } from '../../errors.js';

/**
 * Runs a call of an outbox as its owner, and reports in `faults$` that there is a newer one.
 *
 * @param store Names the store in errors.
 * @throws {StoreError} Delivered: `failed`, if the outbox is not open.
 */
export function asOutboxOwner<T>(
  store: string,
  owner: () => T | undefined,
  faults$: Subject<StoreError>,
  work: (owner: T) => Observable<void>,
): Observable<void> {
  return defer(() => {
    const current = owner();
    if (!current) throw new StoreError(store, 'failed', new Error('the outbox is not open'));
    return work(current);
  }).pipe(
    tap({
      error: (error: StoreError) => {
        if (error.fault === 'fenced') faults$.next(error);
      },
    }),
  );
}
