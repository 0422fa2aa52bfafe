import type { Database, DatabaseOptions, RootDatabase } from 'lmdb';

/** What a value is found by: numbers sort before strings; arrays by their first item, then the next. No NUL in strings; up to 1,978 bytes. */
export type LmdbKey = string | number | boolean | (string | number | boolean)[];

/** How values are stored: as maps. Records of msgpackr would compile code from the keys of objects, and those may be a peer's. */
export const PLAIN_VALUES = { useRecords: false } as DatabaseOptions;

/** The names of our databases begin with this. */
export const OUR_PREFIX = 'rxwire.';

export type BatchKey = [name: string, first: number, count: number, bytes: number];

export type QueueKey = [name: string, place: number];

/** Our own databases; what is read from them is `unknown` until it is checked. */
export interface Databases {
  /** By name of the outbox: who its sender is. */
  readonly heads: Database<unknown, string>;
  /** By name of the outbox and first number: the batches. The key says of each what is asked of many. */
  readonly batches: Database<Buffer, BatchKey>;
  /** By pid: how far its messages are processed. */
  readonly senders: Database<unknown, string>;
  /** In the order of coming. */
  readonly deadLetters: Database<unknown, number>;
  /** By name of the queue and place: what is not finished. */
  readonly queues: Database<unknown, QueueKey>;
  /** By key: what was answered. */
  readonly results: Database<unknown, string>;
  /** By kind, time and key: what was used when. */
  readonly ages: Database<true, LmdbKey>;
  /** Numbers that only rise. */
  readonly counters: Database<number, string>;
}

/** Opens them all at once: in the middle of writing, that would have to wait for the disk. */
export function openDatabases(root: RootDatabase): Databases {
  const database = <V, K extends LmdbKey>(name: string, options: DatabaseOptions = PLAIN_VALUES): Database<V, K> =>
    root.openDB<V, K>({ name: OUR_PREFIX + name, ...options });
  return {
    heads: database('heads'),
    batches: database('batches', { encoding: 'binary' }),
    senders: database('senders'),
    deadLetters: database('deadLetters'),
    queues: database('queues'),
    results: database('results'),
    ages: database('ages'),
    counters: database('counters'),
  };
}

/** How many keys it has. */
export function countOf(database: { readonly getStats: () => object }): number {
  return (database.getStats() as { readonly entryCount: number }).entryCount;
}

/** Refuses what cannot be part of a key. */
export function assertName(owner: string, name: string): void {
  if (!/^[^\0]{1,255}$/.test(name)) throw new TypeError(`${owner}: a name has 1 to 255 characters and no NUL, not ${JSON.stringify(name)}`);
}

/** What is stored: `null` where nobody can read it. */
export function readValue<K extends LmdbKey>(database: Database<unknown, K>, key: K): unknown {
  if (!database.doesExist(key)) return undefined; // a closed database throws here, not below
  try {
    return database.get(key);
  } catch {
    return null;
  }
}
