import { openDB, type DBSchema, type IDBPDatabase, type IDBPTransaction } from 'idb';
import { from, lastValueFrom, map, timer, type Observable } from 'rxjs';

interface Schema extends DBSchema {
  /** The heads of logs, by name. */
  heads: { key: string; value: unknown };
  /** The entries of logs and tables, by name and key. The keys of tables are strings. */
  entries: { key: [log: string, key: number | string]; value: unknown };
}

export type Transaction = IDBPTransaction<Schema, ('heads' | 'entries')[], 'readwrite'>;

const STORES = ['heads', 'entries'] as const;
const VERSION = 2;
/** Errors of a connection that the browser closes: opening it, or its transactions, fails. */
const LOST: readonly unknown[] = ['InvalidStateError', 'AbortError', 'UnknownError'];
/**
 * Pauses between attempts, in ms: none after the lost connection itself. While the browser cleans
 * up, which may take a while on a busy machine, further attempts fail.
 */
const PAUSES = [0, 0, 20, 80, 320, 1_280];

/**
 * Returns a database that is opened when it is needed, also if the browser has closed it.
 *
 * @param onLost Called when the browser has closed the database: deleted, evicted, upgraded.
 */
export function createIndexedDatabase(name: string, onLost: () => void) {
  let connection: Promise<IDBPDatabase<Schema>> | undefined;
  let timesClosed = 0;
  let isRefused = false;

  const connect = (): Promise<IDBPDatabase<Schema>> => {
    const opening = openDB<Schema>(name, VERSION, {
      upgrade(database, earlier, _, transaction) {
        isRefused = earlier > 0;
        if (isRefused) transaction.abort();
        else for (const store of STORES) database.createObjectStore(store);
      },
      // Another page wants to delete or upgrade the database: do not block it.
      blocking: () => onConnectionLost(opening),
      terminated: () => onConnectionLost(opening),
    });
    // The next call tries again.
    opening.catch(() => disconnect(opening));
    return opening;
  };
  const disconnect = (one: typeof connection): void => {
    one?.then(
      (database) => database.close(),
      () => undefined,
    );
    if (connection === one) connection = undefined;
  };
  const onConnectionLost = (one: typeof connection): void => {
    const wasCurrent = connection === one;
    disconnect(one);
    if (wasCurrent) onLost();
  };

  return {
    /**
     * Runs `work` in one transaction; the result is available when it is durable. A failure leaves
     * no changes. The work is repeated if the database was closed meanwhile. `work` must wait only
     * for its own requests.
     */
    transact: async <T>(work: (transaction: Transaction) => Promise<T>): Promise<T> => {
      const begun = timesClosed;
      for (let attempt = 0; ; attempt++) {
        const pause = PAUSES[attempt];
        const one = (connection ??= connect());
        try {
          return await runTransaction(await one, work);
        } catch (error) {
          if (isRefused) throw new Error(`the database ${name} was written by an earlier version of rxwire: delete it`, { cause: error });
          if (begun < timesClosed || pause === undefined || !LOST.includes((error as Error).name)) throw error;
          disconnect(one);
          await lastValueFrom(timer(pause));
          if (begun < timesClosed) throw error;
        }
      }
    },
    /** Closes the database. A later transaction opens it again. */
    close: (): void => {
      timesClosed++;
      disconnect(connection);
    },
  };
}

async function runTransaction<T>(database: IDBPDatabase<Schema>, work: (transaction: Transaction) => Promise<T>): Promise<T> {
  const transaction = database.transaction([...STORES], 'readwrite', { durability: 'strict' });
  const committed = waitForCommit(database, transaction);
  let failure: Error | undefined;
  const worked = work(transaction).catch((error: unknown) => {
    failure = error as Error;
    abort(transaction);
  });
  if (await committed) return (await worked) as T;
  throw transaction.error ?? failure ?? new DOMException('The transaction was undone.', 'AbortError');
}

/**
 * Resolves with true if the transaction was committed, which only `complete` confirms. A request
 * that succeeded may still be rolled back; without space, the transaction is aborted though no
 * request has failed; and if the browser closes the database, no event of the transaction follows.
 */
function waitForCommit(database: IDBPDatabase<Schema>, transaction: Transaction): Promise<boolean> {
  // This promise of the library also rejects when a request fails; it needs a handler.
  transaction.done.catch(() => undefined);
  return new Promise((resolve) => {
    const end = ({ type }: Event): void => {
      database.removeEventListener('close', end);
      resolve(type === 'complete');
    };
    for (const type of ['complete', 'abort'] as const) transaction.addEventListener(type, end);
    database.addEventListener('close', end);
  });
}

function abort(transaction: Transaction): void {
  try {
    transaction.abort();
  } catch {
    // The browser has.
  }
}

/** Emits whether a database exists, without creating it; `true` where that is unknown. */
export function databaseExists(name: string): Observable<boolean> {
  const { indexedDB } = globalThis as { readonly indexedDB?: Partial<Pick<IDBFactory, 'databases'>> };
  const all = indexedDB?.databases?.() ?? Promise.resolve([{ name }]);
  return from(all).pipe(map((databases) => databases.some((database) => database.name === name)));
}
