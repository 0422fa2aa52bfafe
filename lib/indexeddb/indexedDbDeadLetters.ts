import { bufferCount, catchError, concatMap, defer, map, mergeMap, Subject, throwError, type Observable } from 'rxjs';
import type { DeadLetter, DeadLetterStore, StoredDeadLetter } from '../session/store/deadLetterStore.js';
import { readDeadLetter } from '../session/store/readDeadLetter.js';
import { assertPositive } from '../internal/assert.js';
import { storeError } from '../session/store/records.js';
import { createIndexedDatabase, type IndexedDatabase, type Letters } from './indexedDatabase.js';

export interface IndexedDbDeadLettersOptions {
  /** The maximum number of letters. A full store evicts the oldest. @default 10_000 */
  readonly maxSize?: number;
}

/** Dead letters in a browser. All tabs of a site share them. */
export interface IndexedDbDeadLetters extends DeadLetterStore {
  /** Closes the database, which is opened again when it is needed. */
  readonly close: () => void;
}

const STORE = 'indexeddb';
/** The number of letters that are read at once. */
const PAGE_SIZE = 100;

/**
 * Stores dead letters in IndexedDB, in a database `rxwire.letters:<name>`. They outlive the page.
 * Unreadable letters are skipped. Needs the package `idb`.
 *
 * @param name Unique for each collection of this site.
 * @throws {RangeError} At call time, if `maxSize` is not positive.
 * @throws {StoreError} Delivered: `quota` if there is no space, `failed`.
 * @example
 * import { queue } from 'rxwire';
 * import { indexedDbDeadLetters, indexedDbQueues } from 'rxwire/indexeddb';
 *
 * const letters = indexedDbDeadLetters('orders');
 * const orders = queue('orders', { store: indexedDbQueues() });
 * const processed$ = orders.process(({ payload }) => console.log(payload), {
 *   deadLetter: letters.add,
 * });
 */
export function indexedDbDeadLetters(name: string, options: IndexedDbDeadLettersOptions = {}): IndexedDbDeadLetters {
  const { maxSize = 10_000 } = options;
  assertPositive('indexedDbDeadLetters', { maxSize });

  const dropped$ = new Subject<StoredDeadLetter>();
  let database: IndexedDatabase | undefined;
  const transact = <T>(work: (letters: Letters) => Promise<T>): Observable<T> =>
    defer(() => {
      database ??= createIndexedDatabase(`rxwire.letters:${name}`, ['letters'], () => undefined);
      return database.transact((transaction) => work(transaction.objectStore('letters')));
    }).pipe(catchError((cause: unknown) => throwError(() => storeError(STORE, cause))));

  return {
    dropped$: dropped$.asObservable(),
    add: (letter) =>
      transact((letters) => add(letters, letter, maxSize)).pipe(map((dropped) => dropped.forEach((one) => dropped$.next(one)))),
    list: ({ after = 0, limit = Infinity } = {}) =>
      transact((letters) => letters.getAllKeys(IDBKeyRange.lowerBound(after, true), limit < Infinity ? limit : undefined)).pipe(
        mergeMap((ids) => ids),
        // Page by page, to limit memory.
        bufferCount(PAGE_SIZE),
        concatMap((ids) => transact((letters) => readLetters(letters, ids))),
        mergeMap((letterPage) => letterPage),
      ),
    count: () => transact((letters) => letters.count()),
    remove: (id) => transact((letters) => remove(letters, id)),
    close() {
      database?.close();
      database = undefined;
    },
  };
}

/** Adds a letter, and returns the evicted ones. */
async function add(letters: Letters, letter: DeadLetter, maxSize: number): Promise<readonly StoredDeadLetter[]> {
  await letters.add(letter);
  const excess = (await letters.count()) - maxSize;
  if (excess <= 0) return [];
  const ids = await letters.getAllKeys(undefined, Math.ceil(excess));
  const dropped = await readLetters(letters, ids);
  await Promise.all(ids.map((id) => letters.delete(id)));
  return dropped;
}

async function readLetters(letters: Letters, ids: readonly number[]): Promise<readonly StoredDeadLetter[]> {
  const found = await Promise.all(ids.map(async (id) => readDeadLetter(id, await letters.get(id))));
  return found.flatMap((letter) => letter ?? []);
}

async function remove(letters: Letters, id: number): Promise<boolean> {
  const wasThere = (await letters.count(id)) > 0;
  await letters.delete(id);
  return wasThere;
}
