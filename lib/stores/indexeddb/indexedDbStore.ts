import { catchError, defer, firstValueFrom, from, noop, Subject, throwError, type Observable } from 'rxjs';
import { asObservable } from '../../message/maybeAsync.js';
import { browserStoreError } from '../storeErrors.js';
import {
  withEffects,
  type ChangedLog,
  type Log,
  type LogChange,
  type LogEntry,
  type LogRange,
  type ReadableStore,
  type StoreTransaction,
} from '../store.js';
import { createIndexedDatabase, type Transaction } from './indexedDatabase.js';

/** A named table of the application. Effects write to it. */
export interface IndexedDbTable<V = unknown> {
  readonly name: string;
  /** Emits the stored value; `undefined` if there is none. */
  get(key: string): Observable<V | undefined>;
  /** Emits all entries in the order of their keys. */
  entries(): Observable<readonly (readonly [key: string, value: V])[]>;
}

/** Writes to tables, in the transaction of the cursor, until the effect returns. */
export interface IndexedDbTransaction {
  /**
   * Stores a value.
   *
   * @throws {DOMException} If the value cannot be stored, or the transaction has ended.
   */
  put<V>(table: IndexedDbTable<V>, key: string, value: V): void;
  /** Removes a value, if there is one. @throws {DOMException} If the transaction has ended. */
  remove(table: IndexedDbTable, key: string): void;
}

/** The state of a sender is a log of this kind. A client adds one for each session. */
const SENDER = 'sender ';
/** The maximum number of senders. Above it, the store removes the one that was added first. */
const MAX_SENDERS = 100;
/** The names of the logs of senders, in the order in which they were added. */
const SENDERS = 'senders';

/** Logs, and tables of the application, in the database with this name, opened when needed. */
export function indexedDbStore(database: string) {
  const lost$ = new Subject<void>();
  const { transact, close } = createIndexedDatabase(database, () => lost$.next());
  const run = <T>(work: (transaction: Transaction) => Promise<T>): Observable<T> =>
    defer(() => transact(work)).pipe(catchError((cause: unknown) => throwError(() => browserStoreError('indexeddb', cause))));
  return {
    name: 'indexeddb',
    lost$,
    close,
    transact: (_, work) =>
      withEffects((perform) =>
        run((transaction) => {
          const effects = effectsIn(transaction);
          const own = { ...transactionIn(transaction), perform: (effect: Effect) => perform(effect, effects) };
          return firstValueFrom(asObservable(() => work(own)));
        }),
      ),
    read: (log, range) => run((transaction) => readLog(transaction, log, range)),
    count: (log) => run((transaction) => transaction.objectStore('entries').count(rangeOf(log))),
    table: <V>(name: string): IndexedDbTable<V> => ({
      name,
      get: (key: string) => run((transaction) => transaction.objectStore('entries').get([tableOf(name), key]) as Promise<V | undefined>),
      entries: () =>
        run(async (transaction) => {
          const [rows, range] = [transaction.objectStore('entries'), IDBKeyRange.bound([tableOf(name), ''], [tableOf(name), []])];
          const [keys, values] = await Promise.all([rows.getAllKeys(range), rows.getAll(range)]);
          return keys.map(([, key], index) => [String(key), values[index] as V] as const);
        }),
    }),
  } satisfies ReadableStore<IndexedDbTransaction> & Record<'table', unknown>;
}

type Effect = (transaction: IndexedDbTransaction) => unknown;

function transactionIn(transaction: Transaction): Pick<StoreTransaction, 'read' | 'change'> {
  let recent: { readonly log: string; readonly row: Promise<Row> } | undefined;
  return {
    read: (log, range) =>
      defer(() => {
        const row = readRow(transaction, log);
        recent = { log, row };
        return readLog(transaction, log, range, row);
      }),
    change(log, change) {
      const row = recent?.log === log ? recent.row : readRow(transaction, log);
      recent = undefined;
      return from(changeLog(transaction, log, change, row));
    },
  };
}

function effectsIn(transaction: Transaction): IndexedDbTransaction {
  const rows = transaction.objectStore('entries');
  return {
    put: ({ name }, key, value) => void rows.put(value, [tableOf(name), key]).catch(noop),
    remove: ({ name }, key) => void rows.delete([tableOf(name), key]).catch(noop),
  };
}

const tableOf = (name: string): string => `table ${name}`;
const rangeOf = (log: string, after = -Infinity, to = Infinity): IDBKeyRange => IDBKeyRange.bound([log, after], [log, to]);

type Row = Omit<Log, 'entries'>;

async function readRow(transaction: Transaction, log: string): Promise<Row> {
  const found = await transaction.objectStore('heads').get(log);
  const { head, last } = Object(found) as Partial<Record<keyof Row, unknown>>;
  if (typeof last === 'number') return { head, last };
  const highest = await transaction.objectStore('entries').openKeyCursor(rangeOf(log), 'prev');
  return { head: found === undefined ? undefined : null, last: Number(highest?.key[1] ?? 0) };
}

async function readLog(
  transaction: Transaction,
  log: string,
  range?: LogRange,
  row: Promise<Row> = readRow(transaction, log),
): Promise<Log> {
  const [found, entries] = await Promise.all([row, readEntries(transaction, log, range)]);
  return { ...found, entries };
}

async function readEntries(transaction: Transaction, log: string, { after = -Infinity, limit = Infinity }: LogRange = {}) {
  if (limit === 0) return [];
  const rows = transaction.objectStore('entries');
  const range = IDBKeyRange.bound([log, after], [log, Infinity], true);
  const max = limit < Infinity ? limit : undefined;
  const [keys, values] = await Promise.all([rows.getAllKeys(range, max), rows.getAll(range, max)]);
  return keys.map(([, key], index): LogEntry => ({ key: Number(key), value: values[index] }));
}

async function changeLog(transaction: Transaction, log: string, change: LogChange, row: Promise<Row>): Promise<ChangedLog> {
  const [heads, rows] = [transaction.objectStore('heads'), transaction.objectStore('entries')];
  const before = await row;
  const { head = before.head ?? undefined, drop = [], put = [], maxCount = Infinity } = change;
  const remove = ([low, high]: readonly [number, number]): Promise<void> => rows.delete(rangeOf(log, low, high));
  await Promise.all(drop.map((range) => remove(range)));
  let { last } = before;
  const added = put.map(({ key = last + 1, value }) => {
    last = Math.max(last, key);
    return rows.put(compact(value), [log, key]);
  });
  await Promise.all([...added, heads.put({ head, last }, log)]);
  if (before.head === undefined && log.startsWith(SENDER)) await addSender(transaction, log);
  const excess = maxCount < Infinity ? (await rows.count(rangeOf(log))) - maxCount : 0;
  const evicted = excess > 0 ? await readEntries(transaction, log, { limit: Math.ceil(excess) }) : [];
  if (evicted.length > 0) await remove([0, evicted.at(-1)?.key ?? 0]);
  return { evicted };
}

/** Records a new sender, and removes the oldest above the maximum. */
async function addSender(transaction: Transaction, log: string): Promise<void> {
  const heads = transaction.objectStore('heads');
  const found: unknown = await heads.get(SENDERS);
  const logs = [...(Array.isArray(found) ? (found as readonly string[]) : []), log];
  const removed = logs.splice(0, logs.length - MAX_SENDERS);
  await Promise.all([...removed.map((old) => heads.delete(old)), heads.put(logs, SENDERS)]);
}

/** IndexedDB would store the whole buffer of a partial view. */
function compact(value: unknown): unknown {
  const { body } = value as { readonly body?: unknown };
  return body instanceof Uint8Array && body.length < body.buffer.byteLength ? { ...(value as object), body: body.slice() } : value;
}
