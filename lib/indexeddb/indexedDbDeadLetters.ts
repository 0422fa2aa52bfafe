import { bufferCount, catchError, concatMap, defer, map, mergeMap, Subject, throwError, type Observable } from 'rxjs';
import type { DeadLetterStore, StoredDeadLetter } from '../app/deadLetters/deadLetterStore.js';
import { readDeadLetter } from '../app/deadLetters/readDeadLetter.js';
import { assertPositive } from '../internal/assert.js';
import type { DeadLetter } from '../session/store/inbox.js';
import { storeError } from '../session/store/records.js';
import { createDatabase, type Database, type Letters } from './database.js';

export interface IndexedDbDeadLettersOptions {
  /** Letters kept at most; the oldest gives way. @default 10_000 */
  readonly maxSize?: number;
}

/** Dead letters in a browser. All tabs of a site share them. */
export interface IndexedDbDeadLetters extends DeadLetterStore {
  /** Lets go of the database; it is opened again when it is needed. */
  readonly close: () => void;
}

const STORE = 'indexeddb';
/** Letters that are read at once. */
const SOME = 100;

/**
 * Dead letters in IndexedDB, in a database of their own, `rxwire.letters:<name>`: they outlive the page. Letters that nobody can read are left out. Needs
 * the package `idb`.
 *
 * @param name One for each collection of this site.
 * @throws {RangeError} At call time, if `maxSize` is not positive.
 * @throws {StoreError} Delivered: `quota` when there is no room, `failed`.
 * @example
 * const letters = indexedDbDeadLetters('orders');
 * const orders = queue('orders', { store: indexedDbQueues() });
 * const processed$ = orders.process(({ payload }) => save(payload), { deadLetter: letters.add });
 */
export function indexedDbDeadLetters(name: string, options: IndexedDbDeadLettersOptions = {}): IndexedDbDeadLetters {
  const { maxSize = 10_000 } = options;
  assertPositive('indexedDbDeadLetters', { maxSize });

  const dropped$ = new Subject<StoredDeadLetter>();
  let database: Database | undefined;
  const transact = <T>(work: (letters: Letters) => Promise<T>): Observable<T> =>
    defer(() => {
      database ??= createDatabase(`rxwire.letters:${name}`, ['letters'], () => undefined);
      return database.transact((transaction) => work(transaction.objectStore('letters')));
    }).pipe(catchError((cause: unknown) => throwError(() => storeError(STORE, cause))));

  return {
    dropped$: dropped$.asObservable(),
    add: (letter) =>
      transact((letters) => add(letters, letter, maxSize)).pipe(map((dropped) => dropped.forEach((one) => dropped$.next(one)))),
    list: ({ after = 0, limit = Infinity } = {}) =>
      transact((letters) => letters.getAllKeys(IDBKeyRange.lowerBound(after, true), limit < Infinity ? limit : undefined)).pipe(
        mergeMap((ids) => ids),
        // The letters in their time: not all of them need to be in memory at once.
        bufferCount(SOME),
        concatMap((ids) => transact((letters) => readSome(letters, ids))),
        mergeMap((some) => some),
      ),
    count: () => transact((letters) => letters.count()),
    remove: (id) => transact((letters) => remove(letters, id)),
    close() {
      database?.close();
      database = undefined;
    },
  };
}

/** Adds one, and removes what has to give way. */
async function add(letters: Letters, letter: DeadLetter, maxSize: number): Promise<readonly StoredDeadLetter[]> {
  await letters.add(letter);
  const excess = (await letters.count()) - maxSize;
  if (excess <= 0) return [];
  const ids = await letters.getAllKeys(undefined, Math.ceil(excess));
  const dropped = await readSome(letters, ids);
  await Promise.all(ids.map((id) => letters.delete(id)));
  return dropped;
}

async function readSome(letters: Letters, ids: readonly number[]): Promise<readonly StoredDeadLetter[]> {
  const found = await Promise.all(ids.map(async (id) => readDeadLetter(id, await letters.get(id))));
  return found.flatMap((letter) => letter ?? []);
}

async function remove(letters: Letters, id: number): Promise<boolean> {
  const wasThere = (await letters.count(id)) > 0;
  await letters.delete(id);
  return wasThere;
}
