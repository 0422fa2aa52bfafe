import { defer } from 'rxjs';
import { StoreError } from '../../message/errors.js';
import { positive, readOptions, type OptionTable } from '../../message/options/readOptions.js';
import { checkOptions } from '../../message/development.js';
import { SERVER_STORES_LIMITS, serverStores, type ServerInbox, type ServerStores, type ServerStoresLimits } from '../log/serverStores.js';
import { packValue, unpackValue } from '../packedValue.js';
import {
  withEffects,
  type ChangedLog,
  type Log,
  type LogChange,
  type LogEntry,
  type LogRange,
  type ReadableStore,
  type Store,
} from '../store.js';

type Row = Readonly<Record<string, unknown>>;

/** The SQL database of a Durable Object. */
export interface SqlStorage {
  exec(query: string, ...values: readonly unknown[]): { toArray(): readonly Row[] };
}

/** The storage of a Durable Object that uses SQLite. */
export interface DurableObjectStorage {
  readonly sql: SqlStorage;
  transactionSync<T>(work: () => T): T;
}

export interface DurableObjectStoreOptions extends ServerStoresLimits {
  /**
   * The time after which the state of a silent peer, or a result, is removed, in ms: when the
   * object starts.
   * @default 2_592_000_000: 30 days
   */
  readonly ttl?: number;
}

const DURABLE_OBJECT_OPTIONS = {
  ...SERVER_STORES_LIMITS,
  ttl: [positive, 2_592_000_000],
} satisfies OptionTable<DurableObjectStoreOptions>;

/** An inbox in the storage of a Durable Object. */
export type DurableObjectInbox = ServerInbox<SqlStorage>;

/** The stores of a server in the storage of a Durable Object. Effects write SQL. */
export type DurableObjectStore = ServerStores<SqlStorage>;

/**
 * Stores the state of sessions in the storage of a Durable Object of Cloudflare, which must use
 * SQLite. A session continues after Cloudflare has stopped the object, and started it again. Each
 * value may have 2 MB.
 *
 * @param storage The storage of the object: `ctx.storage`.
 * @throws {RangeError} At call time, if a number is not positive.
 * @throws {TypeError} At call time, for an unknown option.
 * @throws {StoreError} At call time, if the storage cannot be used. Delivered: `quota` if the
 *   storage is full or a value is too large, `failed` with the error of the storage as `cause`.
 * @example
 * import { fetchHandler } from 'rxwire/fetch';
 * import { durableObjectStore, type DurableObjectStorage } from 'rxwire/durable-objects';
 *
 * class Chat {
 *   readonly fetch: (request: Request) => Response | Promise<Response>;
 *
 *   constructor({ storage }: { readonly storage: DurableObjectStorage }) {
 *     const { inbox, outbox } = durableObjectStore(storage);
 *     const { wires$, fetch } = fetchHandler({ inbox, outbox });
 *     wires$.subscribe((wire) => wire.subscribe(({ payload }) => console.log(payload)));
 *     this.fetch = fetch;
 *   }
 * }
 */
export function durableObjectStore(storage: DurableObjectStorage, options: DurableObjectStoreOptions = {}): DurableObjectStore {
  checkOptions('durableObjectStore', options);
  const { ttl, ...limits } = readOptions('durableObjectStore', options, DURABLE_OBJECT_OPTIONS);
  return serverStores(sqlLogs(storage, ttl), { limits });
}

const TABLES = `create table if not exists rxwire_logs (
  name text primary key, head blob, last integer not null, used_at integer not null
) without rowid;
create index if not exists rxwire_logs_used_at on rxwire_logs (used_at);
create table if not exists rxwire_entries (
  log text not null, key integer not null, value blob not null, primary key (log, key)
) without rowid;`;

/** The logs of peers. Dead letters and queues do not expire. */
const EXPIRED = `select name from rxwire_logs where used_at < unixepoch() - ?
  and (name like 'outbox %' or name like 'sender %' or name like 'result %')`;

/**
 * Logs in the storage of a Durable Object, which is synchronous: so is all work. Cloudflare sends
 * nothing to a client before the earlier writes are durable.
 *
 * @param ttl The time after which the logs of a silent peer are removed, in ms.
 */
export function sqlLogs(storage: DurableObjectStorage, ttl: number): ReadableStore<SqlStorage> {
  const { sql } = storage;
  const rowsOf = (query: string, ...values: readonly unknown[]): readonly Row[] => sql.exec(query, ...values).toArray();
  const entriesOf = (log: string, after: number, limit: number): readonly LogEntry[] =>
    rowsOf('select key, value from rxwire_entries where log = ? and key > ? order by key limit ?', log, after, limit).map(
      ({ key, value }) => ({ key: Number(key), value: decode(value) }),
    );
  const count = (log: string): number => Number(rowsOf('select count(*) as count from rxwire_entries where log = ?', log)[0]?.['count']);
  const read = (log: string, { after = -1, limit = Infinity }: LogRange = {}): Log => {
    const [row] = rowsOf('select head, last from rxwire_logs where name = ?', log);
    if (!row) return { head: undefined, last: 0, entries: [] };
    const { head, last } = row;
    // A head that cannot be read is `null`, and a log may have none.
    const decoded = head === null ? undefined : (decode(head) ?? null);
    return { head: decoded, last: Number(last), entries: limit > 0 ? entriesOf(log, after, limit < Infinity ? limit : -1) : [] };
  };
  const change = (log: string, { head, drop = [], put = [], maxCount = Infinity }: LogChange): ChangedLog => {
    let last = Number(rowsOf('select last from rxwire_logs where name = ?', log)[0]?.['last'] ?? 0);
    for (const [from, to] of drop)
      rowsOf('delete from rxwire_entries where log = ? and key between ? and ?', log, from, Math.min(to, Number.MAX_SAFE_INTEGER));
    for (const { key = last + 1, value } of put) {
      rowsOf('insert or replace into rxwire_entries (log, key, value) values (?, ?, ?)', log, key, encode(value));
      last = Math.max(last, key);
    }
    rowsOf(
      `insert into rxwire_logs (name, head, last, used_at) values (?, ?, ?, unixepoch()) on conflict (name) do update
        set head = coalesce(excluded.head, head), last = excluded.last, used_at = excluded.used_at`,
      log,
      head === undefined ? null : encode(head),
      last,
    );
    const excess = maxCount < Infinity ? count(log) - maxCount : 0;
    const evicted = excess > 0 ? entriesOf(log, -1, Math.ceil(excess)) : [];
    if (evicted.length > 0) rowsOf('delete from rxwire_entries where log = ? and key <= ?', log, evicted.at(-1)?.key);
    return { evicted };
  };
  // An error of an effect is delivered unchanged: `withEffects` does that.
  const asStoreErrors = <T>(work: () => T): T => {
    try {
      return work();
    } catch (reason) {
      throw reason instanceof StoreError
        ? reason
        : new StoreError('durable-object', /SQLITE_(FULL|TOOBIG)/.test(String(reason)) ? 'quota' : 'failed', reason);
    }
  };

  const open = (): void => {
    sql.exec(TABLES);
    rowsOf(`delete from rxwire_entries where log in (${EXPIRED})`, Math.ceil(ttl / 1_000));
    rowsOf(`delete from rxwire_logs where name in (${EXPIRED})`, Math.ceil(ttl / 1_000));
  };
  asStoreErrors(() => storage.transactionSync(open));
  return {
    name: 'durable-object',
    transact: (<T>(_: string, work: (transaction: Parameters<Parameters<Store<SqlStorage>['transact']>[1]>[0]) => T) =>
      withEffects((perform) =>
        defer(() =>
          asStoreErrors(() => [storage.transactionSync(() => work({ read, change, perform: (effect) => perform(effect, sql) }))]),
        ),
      )) as Store<SqlStorage>['transact'],
    read: (log, range) => asStoreErrors(() => read(log, range)),
    count: (log) => asStoreErrors(() => count(log)),
    close: () => undefined,
  };
}

/** A copy: the packer uses its memory again. */
function encode(value: unknown): ArrayBuffer {
  return new Uint8Array(packValue(value)).buffer;
}

function decode(stored: unknown): unknown {
  return unpackValue(new Uint8Array(stored as ArrayBuffer));
}
