import { catchError, defer, merge, Subject, throwError, type Observable } from 'rxjs';
import type { QueuedMessage, QueueLog, QueueStore } from '../app/queue/queueStore.js';
import { readQueuedMessage } from '../app/queue/readQueuedMessage.js';
import { StoreError } from '../errors.js';
import { locked, type ExclusiveOptions } from '../session/store/exclusive.js';
import { storeError } from '../session/store/records.js';
import { createIndexedDatabase, HEAD_KEY, type IndexedDatabase, type Transaction } from './indexedDatabase.js';

const STORE = 'indexeddb';

/**
 * Stores queues in IndexedDB, each in a database `rxwire.queue:<name>`. Unfinished messages outlive
 * the page, the browser and a power failure. One tab at a time owns a queue, as with `exclusive`.
 * In the other tabs the queue waits, with its added messages in memory.
 *
 * If the browser removes the database, `errors$` of the queue reports `evicted`: waiting messages
 * are in memory only. Needs the package `idb`.
 *
 * @example
 * import { queue } from 'rxwire';
 * import { indexedDbQueues } from 'rxwire/indexeddb';
 *
 * const uploads = queue('uploads', { store: indexedDbQueues(), maxAge: 86_400_000 });
 */
export function indexedDbQueues(options: ExclusiveOptions = {}): QueueStore {
  return {
    queue(name) {
      const log = databaseLog(`rxwire.queue:${name}`);
      const lock = locked(`queue:${name}`, options, log.open);
      if (!lock) return log;
      const { open, letGo, stolen$ } = lock;
      return {
        open,
        write: (added, removed) => log.write(added, removed),
        faults$: merge(stolen$, log.faults$),
        close() {
          log.close();
          letGo();
        },
      };
    },
  };
}

interface Log extends QueueLog {
  readonly open: () => Observable<readonly QueuedMessage[]>;
  readonly faults$: Observable<StoreError>;
}

function databaseLog(name: string): Log {
  const faults$ = new Subject<StoreError>();
  let database: IndexedDatabase | undefined;
  let epoch = 0;

  const reportFault = (fault: 'corrupt' | 'evicted'): void => faults$.next(new StoreError(STORE, fault));
  const close = (): void => {
    database?.close();
    database = undefined;
  };
  const open = async (): Promise<readonly QueuedMessage[]> => {
    close();
    const opened = (database = createIndexedDatabase(name, ['head', 'queued'], () => undefined));
    const found = await opened.transact(takeOwnership);
    epoch = found.epoch;
    for (let reported = 0; reported < found.corrupt; reported++) reportFault('corrupt');
    return found.messages;
  };
  const write = async (added: readonly QueuedMessage[], removed: readonly number[]): Promise<void> => {
    if (!database) throw new Error('It is not open.');
    const isEvicted = await database.transact(async (transaction) => {
      const before = epochOf(await transaction.objectStore('head').get(HEAD_KEY));
      if (before > epoch) throw new StoreError(STORE, 'fenced');
      await change(transaction, added, removed);
      if (before < epoch) await transaction.objectStore('head').put({ epoch }, HEAD_KEY);
      return before < epoch;
    });
    if (isEvicted) reportFault('evicted');
  };

  return { faults$, close, open: () => asStoreResult(open), write: (added, removed) => asStoreResult(() => write(added, removed)) };
}

interface Found {
  readonly epoch: number;
  readonly messages: readonly QueuedMessage[];
  readonly corrupt: number;
}

/** Starts an epoch and reads the messages. Unreadable records are removed. */
async function takeOwnership(transaction: Transaction): Promise<Found> {
  const head = transaction.objectStore('head');
  const rows = transaction.objectStore('queued');
  const [found, keys, values] = await Promise.all([head.get(HEAD_KEY), rows.getAllKeys(), rows.getAll()]);
  const epoch = epochOf(found) + 1;
  const read = keys.map((place, index) => [place, readQueuedMessage(place, values[index])] as const);
  const corrupt = read.filter(([, queued]) => !queued).map(([place]) => place);
  await Promise.all([head.put({ epoch }, HEAD_KEY), ...corrupt.map((place) => rows.delete(place))]);
  return { epoch, messages: read.flatMap(([, queued]) => queued ?? []), corrupt: corrupt.length };
}

function change(transaction: Transaction, added: readonly QueuedMessage[], removed: readonly number[]): Promise<unknown> {
  const rows = transaction.objectStore('queued');
  return Promise.all([
    ...added.map(({ place, message, since }) => rows.put({ message, since }, place)),
    ...removed.map((place) => rows.delete(place)),
  ]);
}

function epochOf(head: unknown): number {
  const { epoch } = Object(head) as { readonly epoch?: unknown };
  return typeof epoch === 'number' ? epoch : 0;
}

/** Runs the work at subscription, and converts its errors to `StoreError`. */
function asStoreResult<T>(work: () => Promise<T>): Observable<T> {
  return defer(work).pipe(catchError((cause: unknown) => throwError(() => storeError(STORE, cause))));
}
