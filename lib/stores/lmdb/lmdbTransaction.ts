import type { Database } from 'lmdb';
import type { Observable } from 'rxjs';
import { withEffects } from '../store.js';
import { assertName, RESERVED_PREFIX, type LmdbKey } from './lmdbDatabases.js';
import type { LmdbEnvironment } from './lmdbEnvironment.js';
import { asLmdbStoreError, isLmdbFailure } from './lmdbStoreError.js';

/** A range of keys, in order; `end` is exclusive. */
export interface LmdbRange {
  readonly start?: LmdbKey;
  readonly end?: LmdbKey;
  readonly reverse?: boolean;
  readonly limit?: number;
}

/** A named table of the application, for values of MessagePack. Write with a transaction. */
export interface LmdbTable<V = unknown> {
  readonly name: string;
  /** Returns a stored value; inside a transaction, the value that it has written. */
  get(key: LmdbKey): V | undefined;
  /** Returns the stored entries in the order of the keys. */
  entries(range?: LmdbRange): readonly (readonly [key: LmdbKey, value: V])[];
}

/** Writes to tables. It ends with the function that received it, which must not wait. */
export interface LmdbTransaction {
  /** @throws {Error} If the transaction has ended. */
  get<V>(table: LmdbTable<V>, key: LmdbKey): V | undefined;
  /**
   * @throws {Error} If the transaction has ended, or the key or value cannot be stored.
   * @throws {StoreError} If there is no space, or the disk fails.
   */
  put<V>(table: LmdbTable<V>, key: LmdbKey, value: V): void;
  /** Returns whether the key existed. @throws {Error} If the transaction has ended. */
  remove(table: LmdbTable, key: LmdbKey): boolean;
}

/** @throws {TypeError} If the name is empty, has a NUL, or is reserved. */
export function openTable<V>(environment: LmdbEnvironment, name: string): LmdbTable<V> {
  assertName('lmdbStore', name);
  if (name.startsWith(RESERVED_PREFIX))
    throw new TypeError(`lmdbStore: names that begin with ${RESERVED_PREFIX} are reserved, got ${name}`);
  const database = environment.table(name) as Database<V, LmdbKey>;
  return {
    name,
    get: (key) => database.get(key),
    entries: (range = {}) => [...database.getRange(range).map(({ key, value }) => [key, value] as const)],
  };
}

/** The argument of effects. One object is enough: it works while a transaction is running. */
function createLmdbTransaction(environment: LmdbEnvironment): LmdbTransaction {
  const access = <T>({ name }: Pick<LmdbTable, 'name'>, work: (database: Database<unknown, LmdbKey>) => T): T => {
    if (!environment.isInside) throw new Error('the transaction has ended: an effect must be synchronous');
    try {
      return work(environment.table(name));
    } catch (reason) {
      throw isLmdbFailure(reason) ? asLmdbStoreError(reason, environment.path) : reason;
    }
  };
  return {
    get: <V>(table: LmdbTable<V>, key: LmdbKey) => access(table, (database) => database.get(key)) as V | undefined,
    put: (table, key, value) => {
      access(table, (database) => database.putSync(key, value));
    },
    remove: (table, key) => access(table, (database) => database.removeSync(key)),
  };
}

export type Perform = (effect: (transaction: LmdbTransaction) => unknown) => void;

/** Writes as the environment does. An exception of an effect rolls back, and is delivered. */
export function writeWithEffects<T>(environment: LmdbEnvironment, work: (perform: Perform) => T): Observable<T> {
  const transaction = createLmdbTransaction(environment);
  return withEffects((perform) => environment.write(() => work((effect) => perform(effect, transaction))));
}
