import { openDB, type DBSchema, type IDBPDatabase, type IDBPObjectStore, type IDBPTransaction } from 'idb';
import { lastValueFrom, timer } from 'rxjs';

/** All object stores there are; a database has some of them. */
interface Schema extends DBSchema {
  /** What an outbox or queue keeps of itself, under {@link HEAD_KEY}. */
  head: { key: string; value: unknown };
  /** Batches, under the numbers of their last messages. */
  batches: { key: number; value: unknown };
  /** Messages of a queue, under their places. */
  queued: { key: number; value: unknown };
  /** Dead letters, under numbers that rise. */
  letters: { key: number; value: unknown };
}

type Name = 'head' | 'batches' | 'queued' | 'letters';

/** The object store of dead letters, within a transaction. */
export type Letters = IDBPObjectStore<Schema, Name[], 'letters', 'readwrite'>;
export type Transaction = IDBPTransaction<Schema, Name[], 'readwrite'>;

export const HEAD_KEY = 'head';

const VERSION = 1;
/** What comes of a connection that is being taken away: it opens no more, or its transactions do not begin, or do not end well. */
const LOST: readonly unknown[] = ['InvalidStateError', 'AbortError', 'UnknownError'];
/**
 * Pauses between attempts, in ms: none after the connection that was lost; while the browser clears up, which may take it a while on a busy
 * machine, all others fail.
 */
const PAUSES = [0, 0, 20, 80, 320, 1_280];

/** A database that is opened when it is first needed, and again whenever it was taken away. */
export interface Database {
  /**
   * Does its work in one transaction, and answers when that would survive a crash of the machine; what fails leaves nothing behind. It is
   * done again when the database was taken away meanwhile. `work` waits for nothing but its own requests.
   */
  transact<T>(work: (transaction: Transaction) => Promise<T>): Promise<T>;
  close(): void;
}

/** @param onLost Told when the browser took the database away: it was deleted, evicted, or is to be upgraded. */
export function createDatabase(name: string, stores: readonly Name[], onLost: () => void): Database {
  let connection: Promise<IDBPDatabase<Schema>> | undefined;
  let isClosed = false;

  const connect = (): Promise<IDBPDatabase<Schema>> => {
    if (isClosed) throw new Error('It is closed.');
    const opening = openDB<Schema>(name, VERSION, {
      upgrade(database) {
        for (const store of stores) database.createObjectStore(store, { autoIncrement: store === 'letters' });
      },
      // Somebody wants to delete it, or has a newer version: we must not be in the way.
      blocking: () => lose(opening),
      terminated: () => lose(opening),
    });
    // The next who needs it tries again.
    opening.catch(() => forget(opening));
    return opening;
  };
  const forget = (one: typeof connection): void => {
    one?.then(
      (database) => database.close(),
      () => undefined,
    );
    if (connection === one) connection = undefined;
  };
  const lose = (one: typeof connection): void => {
    const isOurs = connection === one;
    forget(one);
    if (isOurs && !isClosed) onLost();
  };

  return {
    async transact(work) {
      for (let attempt = 0; ; attempt++) {
        const pause = PAUSES[attempt];
        const one = (connection ??= connect());
        try {
          return await run(await one, stores, work);
        } catch (error) {
          if (pause === undefined || !LOST.includes((error as Error).name)) throw error;
          forget(one);
          await lastValueFrom(timer(pause));
        }
      }
    },
    close() {
      isClosed = true;
      forget(connection);
    },
  };
}

async function run<T>(database: IDBPDatabase<Schema>, stores: readonly Name[], work: (transaction: Transaction) => Promise<T>): Promise<T> {
  const transaction = database.transaction([...stores], 'readwrite', { durability: 'strict' });
  const committed = ending(database, transaction);
  let failure: Error | undefined;
  const worked = work(transaction).catch((error: unknown) => {
    failure = error as Error;
    abort(transaction);
  });
  if (await committed) return (await worked) as T;
  throw transaction.error ?? failure ?? new DOMException('The transaction was undone.', 'AbortError');
}

/**
 * Whether it was committed: only `complete` says so. A request that has succeeded may still be undone; where there is no room left, the
 * transaction is aborted without any request having failed; and where the browser takes the database away, no more is heard of it at all.
 */
function ending(database: IDBPDatabase<Schema>, transaction: Transaction): Promise<boolean> {
  // The library has a promise for it that also fails at the error of a request, and must not be left alone.
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

/** Undoes it, if the browser has not yet. */
function abort(transaction: Transaction): void {
  try {
    transaction.abort();
  } catch {
    // It has.
  }
}
