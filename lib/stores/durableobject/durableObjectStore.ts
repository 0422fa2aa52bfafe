import { positive, readOptions, type OptionTable } from '../../message/options/readOptions.js';
import { checkOptions } from '../../message/development.js';
import { SERVER_STORES_LIMITS, serverStores, type ServerInbox, type ServerStores, type ServerStoresLimits } from '../log/serverStores.js';
import { sqlLogs, type DurableObjectStorage, type SqlStorage } from './sqlLogs.js';

export type { DurableObjectStorage, SqlStorage } from './sqlLogs.js';

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
