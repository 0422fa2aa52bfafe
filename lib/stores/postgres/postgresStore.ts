import { AsyncSubject, defer, type Observable } from 'rxjs';
import { asObservable } from '../../message/maybeAsync.js';
import type { Log, ReadableStore } from '../store.js';
import { serverStores, type ServerInbox, type ServerStores } from '../log/serverStores.js';
import { createGroupedTransactions } from './groupedTransactions.js';
import { logStatements } from './postgresSchema.js';
import type { LogJob } from './jobTransaction.js';
import { postgresSettingsOf, type PostgresStoreOptions, type PostgresSettings } from './postgresOptions.js';
import type { PostgresTransaction } from './postgresTransaction.js';
import { listenToLosses } from './transactionClient.js';

/** An inbox in PostgreSQL. */
export type PostgresInbox = ServerInbox<PostgresTransaction>;

/** The stores of a server in PostgreSQL. It removes nothing: see the column `used_at` of `logs`. */
export type PostgresStore = ServerStores<PostgresTransaction>;

/**
 * Stores the state of sessions in PostgreSQL: outboxes, queues, results, dead letters, and the
 * progress of a receiver. The effects of a message, as statements of the
 * application's own database, and the cursor of its sender are one transaction. Needs the tables of
 * `postgresMigration`, and a `Pool` of `pg` or another driver.
 *
 * Commits that arrive at the same time share a transaction. Commits that arrive while
 * `maxConnections` transactions run share the next one. If the effect of one fails, the others are
 * stored without it. Logs whose transaction has met a deadlock run apart from others for 30 s.
 * Several servers may use one database: a session that has lost its client to
 * another server fails with `fenced`, before any effect.
 *
 * @throws {RangeError} At call time, if a limit is not positive, or `idleTimeout` or `lockTimeout`
 *   is not a whole number.
 * @throws {TypeError} At call time, if the name of the schema is invalid.
 * @throws {StoreError} Delivered: `fenced`, `quota` if the disk is full, `corrupt` for an
 *   unreadable row; `failed` if the server cannot be reached, has ended the connection or takes
 *   longer than `timeout`, with the driver's error as `cause`. The error of a statement of an
 *   effect is delivered unchanged.
 * @example
 * import { postgresStore } from 'rxwire/postgres';
 *
 * const pool = { connect: () => Promise.reject(new Error('no server')) }; // new Pool() of pg
 * const { inbox } = postgresStore({ pool });
 * inbox.deadLetters.count().subscribe({ error: ({ text }) => console.log(text) }); // prints: the store postgres cannot be used
 */
export function postgresStore(options: PostgresStoreOptions): PostgresStore {
  const settings = postgresSettingsOf(options);
  return serverStores(logsIn(settings), { limits: settings });
}

/** Logs in PostgreSQL. Transactions of different logs that wait share one. */
export function logsIn(settings: PostgresSettings): ReadableStore<PostgresTransaction> {
  listenToLosses(settings.pool);
  const add = createGroupedTransactions(settings, { statements: logStatements(settings.tables), known: new Map() });
  const run = (log: string, work: LogJob['work'], size = 1): Observable<unknown> =>
    defer(() => {
      const result = new AsyncSubject<unknown>();
      add({ log, work, size, result });
      return result;
    });
  return {
    name: 'postgres',
    transact: run as ReadableStore<PostgresTransaction>['transact'],
    read: (log, range) => run(log, (transaction) => transaction.read(log, range)) as Observable<Log>,
    count: (log) => run(log, (transaction) => asObservable(() => transaction.count(log))) as Observable<number>,
    close: () => undefined,
  };
}
