import { catchError, defer, merge, Subject, throwError, type Observable } from 'rxjs';
import type { QueuedMessage, QueueLog, QueueStore } from '../app/queue/queueStore.js';
import { readQueuedMessage } from '../app/queue/readQueuedMessage.js';
import { StoreError } from '../errors.js';
import { locked, type ExclusiveOptions } from '../session/store/exclusive.js';
import { storeError } from '../session/store/records.js';
import { createDatabase, HEAD_KEY, type Database, type Transaction } from './database.js';

const STORE = 'indexeddb';

/**
 * Queues in IndexedDB, each in a database of its own, `rxwire.queue:<name>`: what was not finished outlives the page, the browser and a loss of power.
 * One tab at a time has a queue, as with `exclusive`; in the others it waits, and so does what is added there, in memory.
 *
 * When the browser takes the database away, `errors$` of the queue tells `evicted`: what waits is in memory only. Needs the package `idb`.
 *
 * @example
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
  let database: Database | undefined;
  let epoch = 0;

  const tell = (fault: 'corrupt' | 'evicted'): void => faults$.next(new StoreError(STORE, fault));
  const close = (): void => {
    database?.close();
    database = undefined;
  };
  const open = async (): Promise<readonly QueuedMessage[]> => {
    close();
    const mine = (database = createDatabase(name, ['head', 'queued'], () => undefined));
    const found = await mine.transact(begin);
    epoch = found.epoch;
    for (let told = 0; told < found.corrupt; told++) tell('corrupt');
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
    if (isEvicted) tell('evicted');
  };

  return { faults$, close, open: () => delivered(open), write: (added, removed) => delivered(() => write(added, removed)) };
}

interface Found {
  readonly epoch: number;
  readonly messages: readonly QueuedMessage[];
  readonly corrupt: number;
}

/** Begins an epoch, and reads what there is; what nobody can read is removed. */
async function begin(transaction: Transaction): Promise<Found> {
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

/** Works once it is subscribed to; what goes wrong is an error of this store. */
function delivered<T>(work: () => Promise<T>): Observable<T> {
  return defer(work).pipe(catchError((cause: unknown) => throwError(() => storeError(STORE, cause))));
}
