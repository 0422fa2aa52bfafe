import type { Database, DatabaseOptions, RootDatabase } from 'lmdb';

/**
 * A key. Numbers sort before strings, and arrays by their items. Strings must not contain NUL. The
 * maximum size is 1,978 bytes.
 */
export type LmdbKey = string | number | boolean | (string | number | boolean)[];

/** Values are stored as maps: records of msgpackr compile code from keys, also those of a peer. */
export const PLAIN_VALUES = { useRecords: false } as DatabaseOptions;

export const RESERVED_PREFIX = 'rxwire.';

export type LogEntryKey = [log: string, key: number];

/** An entry of a channel. Trimming needs its time, in ms, and the size of its message. */
export type ChannelEntryKey = [channel: string, offset: number, at: number, size: number];

/** An entry that stands for all from `first` to `offset`. */
export type CompactedEntryKey = [channel: string, first: number, offset: number, size: number];

/** The internal databases. Values are `unknown` until they are checked. */
export interface Databases {
  /** By name: the heads of logs. */
  readonly logs: Database<unknown, string>;
  /** By name of the log and key: encoded entries. */
  readonly logEntries: Database<Buffer, LogEntryKey>;
  /** By name of the channel: its epoch and state. */
  readonly channels: Database<unknown, string>;
  /** By name of the channel and offset: encoded messages. */
  readonly channelEntries: Database<Uint8Array, ChannelEntryKey>;
  /** By name of the channel and first offset: encoded messages that stand for several. */
  readonly compactedEntries: Database<Uint8Array, CompactedEntryKey>;
  /** By kind, time and key: the time of last use. */
  readonly lastUsed: Database<true, LmdbKey>;
  /** Numbers that only rise. */
  readonly counters: Database<number, string>;
}

/** Opens all databases at once: opening one during a write would have to wait for the disk. */
export function openDatabases(root: RootDatabase): Databases {
  const database = <V, K extends LmdbKey>(name: string, options: DatabaseOptions = PLAIN_VALUES): Database<V, K> =>
    root.openDB<V, K>({ name: RESERVED_PREFIX + name, ...options });
  return {
    logs: database('logs'),
    logEntries: database('logEntries', { encoding: 'binary' }),
    channels: database('channels'),
    channelEntries: database('channelEntries', { encoding: 'binary' }),
    compactedEntries: database('compactedEntries', { encoding: 'binary' }),
    lastUsed: database('ages'),
    counters: database('counters'),
  };
}

export function countOf(database: { readonly getStats: () => object }): number {
  return (database.getStats() as { readonly entryCount: number }).entryCount;
}

/** Returns the first key of a range; `end` is exclusive. */
export function firstKey<K extends LmdbKey>(database: Database<unknown, K>, start: LmdbKey, end: LmdbKey): K | undefined {
  return [...database.getKeys({ start, end, limit: 1 })][0];
}

/** Rejects names that cannot be part of a key. */
export function assertName(owner: string, name: string): void {
  if (!/^[^\0]{1,255}$/.test(name)) throw new TypeError(`${owner}: a name has 1 to 255 characters and no NUL, not ${JSON.stringify(name)}`);
}

/** Returns the stored value; null if it is unreadable. */
export function readValue<K extends LmdbKey>(database: Database<unknown, K>, key: K): unknown {
  try {
    return database.get(key);
  } catch {
    database.doesExist(key); // throws, too, if the database is closed
    return null;
  }
}
