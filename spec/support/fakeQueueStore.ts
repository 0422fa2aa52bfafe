import { asapScheduler, defer, observeOn, of, Subject, throwError, type Observable, type SchedulerLike } from 'rxjs';
import type { QueuedMessage, QueueStore } from '../../lib/operators/queue/queueStore.js';
import { StoreError, type StoreFault } from '../../lib/message/errors.js';

/** One call of `write`. */
export interface Write {
  readonly added: readonly string[];
  readonly removed: number;
}

/** Queues in memory that outlive those who use them. */
export interface FakeQueueStore extends QueueStore {
  /** The ids of what is stored, in order. */
  readonly stored: () => readonly string[];
  /** All transactions that were committed. */
  readonly writes: readonly Write[];
  /** Lets writes that add such a message fail. */
  failing: ((id: string) => StoreFault | undefined) | undefined;
  /** Calls of `close`. */
  readonly closed: () => number;
  readonly faults$: Subject<StoreError>;
}

/** @param scheduler When a transaction is through. @default at the end of the microtask */
export function fakeQueueStore(scheduler: SchedulerLike = asapScheduler): FakeQueueStore {
  const rows = new Map<number, QueuedMessage>();
  const writes: Write[] = [];
  const faults$ = new Subject<StoreError>();
  let owner = 0;
  let closed = 0;

  const write = (added: readonly QueuedMessage[], removed: readonly number[]): Observable<void> => {
    const fault = added.map(({ message }) => store.failing?.(message.id)).find(Boolean);
    if (fault) return throwError(() => new StoreError('fake', fault));
    for (const row of added) rows.set(row.place, row);
    for (const place of removed) rows.delete(place);
    writes.push({ added: added.map(({ message }) => message.id), removed: removed.length });
    return of(undefined);
  };
  const store: FakeQueueStore = {
    stored: () => [...rows.values()].map(({ message }) => message.id),
    ...{ writes, faults$, failing: undefined, closed: () => closed },
    queue: () => {
      let epoch = 0;
      return {
        faults$,
        open: () =>
          defer(() => {
            epoch = ++owner;
            return of([...rows.values()]);
          }).pipe(observeOn(scheduler)),
        write: (added, removed) =>
          defer(() => (epoch === owner ? write(added, removed) : throwError(() => new StoreError('fake', 'fenced')))).pipe(
            observeOn(scheduler),
          ),
        close: () => {
          closed++;
        },
      };
    },
  };
  return store;
}
