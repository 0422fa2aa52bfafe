import { defer, tap, type Observable, type ObservableInput, type Subject } from 'rxjs';
import { StoreError } from '../../errors.js';
import type { OutboxWrite } from './outboxStore.js';

/**
 * Returns a function that writes to an outbox as its owner, and reports in `faults$` that there is
 * a newer one.
 *
 * @param store Names the store in errors.
 * @param owner Returns the owner; `undefined` if the outbox is not open: then a write fails.
 */
export function asOutboxOwner(
  store: string,
  owner: () => { write(change: OutboxWrite): ObservableInput<void> } | undefined,
  faults$: Subject<StoreError>,
): (change: OutboxWrite) => Observable<void> {
  const report = (error: StoreError): void => {
    if (error.fault === 'fenced') faults$.next(error);
  };
  return (change) =>
    defer(() => {
      const current = owner();
      if (!current) throw new StoreError(store, 'failed', new Error('the outbox is not open'));
      return current.write(change);
    }).pipe(tap({ error: report }));
}
