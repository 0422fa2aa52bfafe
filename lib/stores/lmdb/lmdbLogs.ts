import { crc32 } from 'node:zlib';
import { identity, throwError, type SchedulerLike } from 'rxjs';
import { attempt } from '../../message/maybeAsync.js';
import { packValue, unpackValue } from '../packedValue.js';
import {
  noEffects,
  type ChangedLog,
  type Log,
  type LogChange,
  type LogEntry,
  type LogRange,
  type ReadableStore,
  type Store,
  type StoreTransaction,
} from '../store.js';
import { counterOf, createLastUsedIndex, isLogRow, type LogKind, type LogRow } from './lastUsedIndex.js';
import { readValue, type LogEntryKey } from './lmdbDatabases.js';
import { openLmdbEnvironment, type LmdbEnvironment } from './lmdbEnvironment.js';
import { asLmdbStoreError } from './lmdbStoreError.js';
import { writeWithEffects, type LmdbTransaction, type Perform } from './lmdbTransaction.js';
import { createStoreClock, type StoreClock } from './storeClock.js';

/**
 * Returns a function that opens the logs in a folder, or throws. Each call needs a `close`.
 *
 * @param kinds The kinds of logs that expire.
 */
export function lmdbLogs(path: string, kinds: Readonly<Record<string, LogKind>>, scheduler: SchedulerLike) {
  // A server opens the logs once for each client.
  let latest: { readonly environment: LmdbEnvironment; readonly rows: LogRows } | undefined;
  return () => {
    if (latest && !latest.environment.isClosed) latest.environment.hold();
    else {
      const environment = openLmdbEnvironment(path);
      latest = { environment, rows: createLogRows(environment, kinds, createStoreClock(scheduler, environment.databases.counters)) };
    }
    return openedLogs(latest.environment, latest.rows);
  };
}

function openedLogs(environment: LmdbEnvironment, rows: LogRows) {
  const { path, usedLogs } = environment;
  const transactionOf = (perform: Perform): StoreTransaction<LmdbTransaction> => {
    rows.begin();
    return { read: rows.read, change: rows.change, perform };
  };
  const read = <T>(work: () => T) => attempt<T, T>(work, identity, (reason) => throwError(() => asLmdbStoreError(reason, path)));
  // The methods of the transaction are synchronous, and so is the work.
  const transact = (<T>(_: string, work: (transaction: StoreTransaction<LmdbTransaction>) => T) =>
    writeWithEffects(environment, (perform) => work(transactionOf(perform)))) as Store<LmdbTransaction>['transact'];
  let isOpen = true;

  return {
    name: 'lmdb',
    environment,
    transact,
    /** As `transact`, but within the running transaction if there is one. */
    transactWithin: ((log, work) =>
      environment.isInside ? work(transactionOf(noEffects)) : transact(log, work)) satisfies Store<LmdbTransaction>['transact'],
    read: (log, range) => read(() => rows.peek(log, range)),
    count: (log) => read(() => rows.count(log)),
    use: (user, log) => usedLogs.use(user, log),
    release: (user) => usedLogs.release(user),
    close: (): void => {
      if (isOpen) environment.release();
      isOpen = false;
    },
  } satisfies ReadableStore<LmdbTransaction> & Record<'environment' | 'transactWithin', unknown>;
}

type LogRows = ReturnType<typeof createLogRows>;

const NO_LOG: Log = { head: undefined, last: 0, entries: [] };

/** The records of all logs. `begin`, `read` and `change` must be called inside a transaction. */
function createLogRows(environment: LmdbEnvironment, kinds: Readonly<Record<string, LogKind>>, clock: StoreClock) {
  const { databases } = environment;
  const { logs, logEntries, counters } = databases;
  const keysOf = (log: string, from: number, to: number, limit = Infinity): readonly LogEntryKey[] =>
    limit > 0 ? [...logEntries.getKeys({ start: [log, from], end: [log, to + 1], ...(limit < Infinity && { limit }) })] : [];
  const entryOf = (key: LogEntryKey): LogEntry => ({ key: key[1], value: decode(logEntries.get(key)) });
  const removeAll = (keys: readonly LogEntryKey[]): void => {
    for (const key of keys) logEntries.removeSync(key);
  };
  const addTo = (kind: string, count: number): void => {
    counters.putSync(counterOf(kind), (counters.get(counterOf(kind)) ?? 0) + count);
  };
  const remove = (log: string): void => {
    removeAll(keysOf(log, 0, Infinity));
    logs.removeSync(log);
    addTo(kindOf(log), -1);
  };
  const indexes = new Map(
    Object.entries(kinds).map(([kind, limits]) => [kind, createLastUsedIndex(environment, clock, kind, limits, remove)]),
  );

  const isExpired = (log: string, { at }: LogRow): boolean => indexes.get(kindOf(log))?.isExpired(log, at) ?? false;
  /** Returns the row that a stored value is; that of an unreadable one is made from its entries. */
  const rowOf = (log: string, found: unknown): LogRow => {
    if (isLogRow(found)) return found;
    const keys = found === undefined ? [] : keysOf(log, 0, Infinity);
    return { head: undefined, last: keys.at(-1)?.[1] ?? 0, count: keys.length, at: 0 };
  };
  let recent: { readonly log: string; readonly found: unknown } | undefined;
  const peek = (log: string, { after = 0, limit = Infinity }: LogRange = {}, found = readValue(logs, log)): Log => {
    if (found === undefined || (isLogRow(found) && isExpired(log, found))) return NO_LOG;
    const entries = keysOf(log, after + 1, Infinity, limit).map(entryOf);
    return isLogRow(found) ? { head: found.head, last: found.last, entries } : { head: null, last: rowOf(log, found).last, entries };
  };

  return {
    peek,
    begin() {
      recent = undefined;
    },
    count: (log: string): number => rowOf(log, readValue(logs, log)).count,
    /** Reads a log; one that has expired is removed. */
    read: (log: string, range?: LogRange): Log => {
      let found = readValue(logs, log);
      if (isLogRow(found) && isExpired(log, found)) {
        indexes.get(kindOf(log))?.remove(log, found.at);
        remove(log);
        found = undefined;
      }
      recent = { log, found };
      return peek(log, range, found);
    },
    change: (log: string, { head, drop = [], put = [], maxCount = Infinity }: LogChange): ChangedLog => {
      const found = recent?.log === log ? recent.found : readValue(logs, log);
      recent = undefined;
      const row = rowOf(log, found);
      const dropped = drop.flatMap(([from, to]) => keysOf(log, from, to));
      removeAll(dropped);
      let { last } = row;
      for (const { key = last + 1, value } of put) {
        logEntries.putSync([log, key], encode(value));
        last = Math.max(last, key);
      }
      const count = row.count - dropped.length + put.length;
      const excess = keysOf(log, 0, Infinity, count - Math.min(count, maxCount));
      const evicted = excess.map(entryOf);
      removeAll(excess);
      const at = indexes.get(kindOf(log))?.touch(log, isLogRow(found) ? row.at : undefined) ?? 0;
      if (found === undefined) addTo(kindOf(log), 1);
      logs.putSync(log, { head: head === undefined ? row.head : head, last, count: count - excess.length, at });
      return { evicted };
    },
  };
}

function kindOf(log: string): string {
  const end = log.indexOf(' ');
  return end < 0 ? log : log.slice(0, end);
}

/** The size of a checksum of all that follows. */
const CHECKSUM = 4;

function encode(value: unknown): Buffer {
  const packed = packValue(value);
  const record = Buffer.allocUnsafe(CHECKSUM + packed.length);
  record.writeUInt32LE(crc32(packed), 0);
  record.set(packed, CHECKSUM);
  return record;
}

/** Returns the value; `undefined` if the record is unreadable or was changed. */
function decode(record: Buffer | undefined): unknown {
  if (!record || record.length < CHECKSUM) return undefined;
  const packed = record.subarray(CHECKSUM);
  return record.readUInt32LE(0) === crc32(packed) ? unpackValue(packed) : undefined;
}
