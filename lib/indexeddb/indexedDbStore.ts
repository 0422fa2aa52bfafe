import { catchError, defer, firstValueFrom, from, Subject, throwError, type Observable } from 'rxjs';
import { asObservable } from '../internal/maybeAsync.js';
import { browserStoreError } from '../session/store/browserStoreError.js';
import {
  HEAD_ONLY,
  noEffects,
  type ChangedLog,
  type Log,
  type LogChange,
  type LogRange,
  type ReadableStore,
} from '../session/store/store.js';
import { createIndexedDatabase, type Transaction } from './indexedDatabase.js';

/** Logs in the IndexedDB database with this name. It is opened when it is first needed. */
export function indexedDbStore(database: string): ReadableStore {
  const lost$ = new Subject<void>();
  const { transact, close } = createIndexedDatabase(database, () => lost$.next());
  const run = <T>(work: (transaction: Transaction) => Promise<T>): Observable<T> =>
    defer(() => transact(work)).pipe(catchError((cause: unknown) => throwError(() => browserStoreError('indexeddb', cause))));
  return {
    name: 'indexeddb',
    lost$,
    close,
    transact: (_, work) =>
      run((transaction) => {
        const read = (log: string, range?: LogRange): Observable<Log> => defer(() => readLog(transaction, log, range));
        const change = (log: string, changes: LogChange): Observable<ChangedLog> => from(changeLog(transaction, log, changes));
        return firstValueFrom(asObservable(() => work({ read, change, perform: noEffects })));
      }),
    read: (log, range) => run((transaction) => readLog(transaction, log, range)),
    count: (log) => run((transaction) => transaction.objectStore('entries').count(rangeOf(log))),
  };
}

const rangeOf = (log: string, after = -Infinity, to = Infinity): IDBKeyRange => IDBKeyRange.bound([log, after], [log, to]);

async function readLog(transaction: Transaction, log: string, { after = -Infinity, limit = Infinity }: LogRange = {}): Promise<Log> {
  const rows = transaction.objectStore('entries');
  const range = IDBKeyRange.bound([log, after], [log, Infinity], true);
  const max = limit < Infinity ? limit : undefined;
  const [found, keys, values] = await Promise.all([
    transaction.objectStore('heads').get(log),
    limit > 0 ? rows.getAllKeys(range, max) : [],
    limit > 0 ? rows.getAll(range, max) : [],
  ]);
  const entries = keys.map(([, key], index) => ({ key, value: values[index] }));
  const { head, last } = Object(found) as Partial<Record<keyof Log, unknown>>;
  if (typeof last === 'number') return { head, last, entries };
  const highest = await rows.openKeyCursor(rangeOf(log), 'prev');
  return { head: found === undefined ? undefined : null, last: highest?.key[1] ?? 0, entries };
}

async function changeLog(transaction: Transaction, log: string, change: LogChange): Promise<ChangedLog> {
  const [heads, rows] = [transaction.objectStore('heads'), transaction.objectStore('entries')];
  const before = await readLog(transaction, log, HEAD_ONLY);
  const { head = before.head ?? undefined, drop = [], put = [], maxCount = Infinity } = change;
  const remove = ([low, high]: readonly [number, number]): Promise<void> => rows.delete(rangeOf(log, low, high));
  await Promise.all(drop.map(remove));
  let { last } = before;
  const added = put.map(({ key = last + 1, value }) => {
    last = Math.max(last, key);
    return rows.put(compact(value), [log, key]);
  });
  await Promise.all([...added, heads.put({ head, last }, log)]);
  const excess = maxCount < Infinity ? (await rows.count(rangeOf(log))) - maxCount : 0;
  const evicted = excess > 0 ? (await readLog(transaction, log, { limit: Math.ceil(excess) })).entries : [];
  if (evicted.length > 0) await remove([0, evicted.at(-1)?.key ?? 0]);
  return { evicted };
}

/** IndexedDB would store the whole buffer of a partial view. */
function compact(value: unknown): unknown {
  const { body } = value as { readonly body?: unknown };
  return body instanceof Uint8Array && body.length < body.buffer.byteLength ? { ...(value as object), body: body.slice() } : value;
}
