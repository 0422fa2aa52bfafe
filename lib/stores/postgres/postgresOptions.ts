import type { SchedulerLike } from 'rxjs';
import { checkOptions } from '../../message/development.js';
import { anything, positive, readOptions, whole, type OptionTable } from '../../message/options/readOptions.js';
import { steadyScheduler } from '../../message/steadyScheduler.js';
import { SERVER_STORES_LIMITS, type ServerStoresLimits } from '../log/serverStores.js';
import { DEFAULT_SCHEMA, tablesOf, type PostgresTables } from './postgresSchema.js';

/** The result of a statement. */
export interface PostgresResult {
  readonly rows: readonly unknown[];
}

/**
 * One SQL command, with `$1`, `$2`, … for its values. It is sent by the extended protocol, which
 * rejects a text of several commands.
 */
export interface PostgresStatement {
  text: string;
  values: unknown[];
  queryMode: 'extended';
}

/** A connection that a pool has lent: a `PoolClient` of `pg`. */
export interface PostgresClient {
  /**
   * Whether `query` may be called before the statement before has ended: as in
   * `new Pool({ pipeline: true })`.
   * @default false
   */
  readonly pipeline?: boolean;
  query(statement: PostgresStatement): Promise<PostgresResult>;
  /** Returns the connection to the pool. With `true`, the pool closes it. */
  release(destroy?: boolean): void;
  /** Present if the client emits the loss of its connection as an event. */
  on?(event: 'error', listener: (error: Error) => void): unknown;
  removeListener?(event: 'error', listener: (error: Error) => void): unknown;
}

/** Lends connections: a `Pool` of `pg`, or an object of yours over another driver. */
export interface PostgresPool {
  connect(): Promise<PostgresClient>;
  /**
   * Present if the pool emits its new connections, and the loss of connections that are not in use.
   * The store adds a listener for each event.
   */
  readonly on?: PostgresPoolListener;
  readonly removeListener?: PostgresPoolListener;
}

/** Adds or removes a listener of a pool. */
export interface PostgresPoolListener {
  (event: 'connect', listener: (client: PostgresClient) => void): unknown;
  (event: 'error', listener: (error: Error) => void): unknown;
}

export interface PostgresStoreOptions extends ServerStoresLimits {
  /** The pool of the application, which the application ends. */
  readonly pool: PostgresPool;
  /** The schema that has the tables of {@link postgresMigration}. @default 'rxwire' */
  readonly schema?: string;
  /** The maximum number of transactions at a time, each on a connection. @default 4 */
  readonly maxConnections?: number;
  /** The maximum number of open transactions; above it, they fail. @default 10_000 */
  readonly maxPending?: number;
  /** The timeout of a transaction with its wait for a connection, in ms. @default 30_000 */
  readonly timeout?: number;
  /**
   * How long an open transaction may wait for the next statement of this process, in ms: a whole
   * number. Then PostgreSQL rolls the transaction back, and closes the connection: a process that
   * has paused does not hold its locks.
   * @default 5_000
   */
  readonly idleTimeout?: number;
  /**
   * How long a transaction waits for one lock that another transaction holds, in ms: a whole
   * number. Then the store rolls the transaction back, and repeats it later, until `timeout` has
   * passed. A transaction that several logs share waits a quarter of that.
   * @default 1_000
   */
  readonly lockTimeout?: number;
  /** The scheduler for timers. @default asyncScheduler, with a monotonic clock */
  readonly scheduler?: SchedulerLike;
}

const POSTGRES_STORE_OPTIONS = {
  schema: [anything, DEFAULT_SCHEMA],
  maxConnections: [positive, 4],
  maxPending: [positive, 10_000],
  timeout: [positive, 30_000],
  idleTimeout: [whole, 5_000],
  lockTimeout: [whole, 1_000],
  ...SERVER_STORES_LIMITS,
} satisfies OptionTable<PostgresStoreOptions>;

export interface PostgresSettings extends Required<Omit<PostgresStoreOptions, 'schema'>> {
  readonly tables: PostgresTables;
}

/**
 * @throws {RangeError} If a limit is not positive, or a limit of PostgreSQL is not a whole number.
 * @throws {TypeError} If the name of the schema is invalid.
 */
export function postgresSettingsOf(options: PostgresStoreOptions): PostgresSettings {
  checkOptions('postgresStore', options);
  const { pool, scheduler = steadyScheduler() } = options;
  const { schema, ...limits } = readOptions('postgresStore', options, POSTGRES_STORE_OPTIONS);
  return { ...limits, pool, scheduler, tables: tablesOf('postgresStore', schema) };
}
