import { catchError, defer, map, Subject, tap, throwError, type Observable } from 'rxjs';
import { StoreError } from '../errors.js';
import { durable } from '../session/durability.js';
import type { OutboxContents, OutboxStore } from '../session/store/outboxStore.js';
import { openEnvironment, type Environment } from './environment.js';
import { createOwner, type Owner, type OwnerOptions } from './outboxOwner.js';
import { storeError } from './storeError.js';

/** An outbox in the environment at `path`, which is held open while the outbox is. */
export function createOutbox(path: string, options: OwnerOptions): OutboxStore {
  const { maxMessages, maxBytes } = options;
  const faults$ = new Subject<StoreError>();
  let current: { readonly environment: Environment; readonly owner: Owner } | undefined;

  const close = (): void => {
    current?.environment.release();
    current = undefined;
  };
  const open = (): Observable<OutboxContents> => {
    close();
    const environment = openEnvironment(path);
    const owner = createOwner(environment, options);
    current = { environment, owner };
    return owner.own().pipe(
      map(({ head: { pid, epoch, acked, last, ticket }, batches, corrupt }) => {
        for (let count = 0; count < corrupt; count++) faults$.next(new StoreError('lmdb', 'corrupt'));
        return { pid, epoch, acked, last, ticket, batches };
      }),
    );
  };
  const asOwner = (work: (owner: Owner) => Observable<void>): Observable<void> =>
    defer(() => {
      if (!current) throw new StoreError('lmdb', 'failed', new Error('the outbox is not open'));
      return work(current.owner);
    }).pipe(
      tap({
        error: (error: StoreError) => {
          if (error.fault === 'fenced') faults$.next(error);
        },
      }),
    );

  return {
    isDurable: true,
    durability: durable,
    maxMessages,
    maxBytes,
    faults$,
    open: () => defer(open).pipe(catchError((reason: unknown) => throwError(() => storeError(reason, path)))),
    append: (batches) => asOwner((owner) => owner.append(batches)),
    trim: (acked) => asOwner((owner) => owner.trim(acked)),
    replace: (acked, batches) => asOwner((owner) => owner.replace(acked, batches)),
    remember: (ticket) => asOwner((owner) => owner.remember(ticket)),
    close,
  };
}
