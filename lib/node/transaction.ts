import type { Database } from 'lmdb';
import { catchError, defer, throwError, type Observable } from 'rxjs';
import { assertName, OUR_PREFIX, type LmdbKey } from './databases.js';
import type { Environment } from './environment.js';
import { storeError } from './storeError.js';

/** Which keys, in their order; `end` is not among them. */
export interface LmdbRange {
  readonly start?: LmdbKey;
  readonly end?: LmdbKey;
  readonly reverse?: boolean;
  readonly limit?: number;
}

/** A named table of the application, for plain values: what MessagePack carries. To write, use a transaction. */
export interface LmdbTable<V = unknown> {
  readonly name: string;
  /** What is stored; within a transaction, what that has written. */
  get(key: LmdbKey): V | undefined;
  /** What is stored now, in the order of the keys. */
  entries(range?: LmdbRange): readonly (readonly [key: LmdbKey, value: V])[];
}

/** Writes to tables, all or nothing. It ends when the function that got it returns: nothing in there may wait. */
export interface LmdbTransaction {
  /** @throws {Error} When the transaction has ended. */
  get<V>(table: LmdbTable<V>, key: LmdbKey): V | undefined;
  /** @throws {Error} When the transaction has ended. @throws {StoreError} When there is no room. */
  put<V>(table: LmdbTable<V>, key: LmdbKey, value: V): void;
  /** Tells whether there was one. @throws {Error} When the transaction has ended. */
  remove(table: LmdbTable, key: LmdbKey): boolean;
}

/** @throws {TypeError} If the name is empty, has a NUL, or is one of ours. */
export function openTable<V>(environment: Environment, name: string): LmdbTable<V> {
  assertName('lmdbStore', name);
  if (name.startsWith(OUR_PREFIX)) throw new TypeError(`lmdbStore: names that begin with ${OUR_PREFIX} are ours, got ${name}`);
  const database = environment.table(name) as Database<V, LmdbKey>;
  return {
    name,
    get: (key) => database.get(key),
    entries: (range = {}) => [...database.getRange(range).map(({ key, value }) => [key, value] as const)],
  };
}

/** What an effect gets. There is one for all: what matters is that a transaction is running. */
export function createTransaction(environment: Environment): LmdbTransaction {
  const inside = <T>({ name }: Pick<LmdbTable, 'name'>, work: (database: Database<unknown, LmdbKey>) => T): T => {
    if (!environment.isInside) throw new Error('the transaction has ended: an effect may not wait for anything');
    try {
      return work(environment.table(name));
    } catch (reason) {
      throw storeError(reason, environment.path);
    }
  };
  return {
    get: <V>(table: LmdbTable<V>, key: LmdbKey) => inside(table, (database) => database.get(key)) as V | undefined,
    put: (table, key, value) => {
      inside(table, (database) => database.putSync(key, value));
    },
    remove: (table, key) => inside(table, (database) => database.removeSync(key)),
  };
}

/** Runs a function of the user's. */
export type Perform = (effect: (transaction: LmdbTransaction) => unknown) => void;

/** `write` of the environment, but what an effect throws undoes everything and is the error, as it was thrown. */
export function writeWithEffects<T>(environment: Environment, work: (perform: Perform) => T): Observable<T> {
  const transaction = createTransaction(environment);
  return defer(() => {
    let thrown: { readonly reason: unknown } | undefined;
    const perform: Perform = (effect) => {
      try {
        const returned = effect(transaction);
        if (isThenable(returned)) throw new TypeError('an effect returned a promise: it may not wait for anything');
      } catch (reason) {
        thrown = { reason };
        throw reason;
      }
    };
    return environment.write(() => work(perform)).pipe(catchError((error: unknown) => throwError(() => (thrown ? thrown.reason : error))));
  });
}

function isThenable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'then' in value;
}
