import { AsyncSubject, defer, type Observable } from 'rxjs';
import { durable } from '../session/durability.js';
import type { DeadLetterStore } from '../session/store/deadLetterStore.js';
import type { Inbox } from '../session/store/inbox.js';
import { createGroupedTransactions } from './groupedTransactions.js';
import type { InboxJob } from './inboxTransaction.js';
import { createPostgresDeadLetters } from './postgresDeadLetters.js';
import { postgresSettingsOf, type PostgresInboxOptions } from './postgresOptions.js';
import type { PostgresTransaction } from './postgresTransaction.js';
import { senderStatements } from './senderStatements.js';
import { listenToLosses } from './transactionClient.js';

/** An inbox in PostgreSQL. It forgets no sender: see the column `used_at`. */
export interface PostgresInbox extends Inbox<PostgresTransaction> {
  /** Messages that could not be processed. */
  readonly deadLetters: DeadLetterStore;
}

/**
 * Stores the progress of a receiver in PostgreSQL: the effects of a message, as statements of the
 * application's own database, and the cursor of its sender are one transaction. Needs the tables of
 * `postgresMigration`, and a `Pool` of `pg` or another driver.
 *
 * Commits that arrive at the same time share a transaction. Commits that arrive while
 * `maxConnections` transactions run share the next one. If the effect of one fails, the others are
 * stored without it. Senders whose transaction has met a deadlock run apart from others for 30 s.
 * Several servers may use one database: a session that has lost its client to
 * another server fails with `fenced`, before any effect.
 *
 * @throws {RangeError} At call time, if a limit is not positive, or `idleTimeout` or `lockTimeout`
 *   is not a whole number.
 * @throws {TypeError} At call time, for an unknown option, or if the name of the schema is invalid.
 * @throws {StoreError} Delivered: `fenced`, `quota` if the disk is full, `corrupt` for an
 *   unreadable row; `failed` if the server cannot be reached, has ended the connection or takes
 *   longer than `timeout`, with the driver's error as `cause`. The error of a statement of an
 *   effect is delivered unchanged.
 * @example
 * import { postgresInbox } from 'rxwire/postgres';
 *
 * const pool = { connect: () => Promise.reject(new Error('no server')) }; // new Pool() of pg
 * const inbox = postgresInbox({ pool });
 * inbox.deadLetters.count().subscribe({ error: ({ text }) => console.log(text) }); // prints: the store postgres cannot be used
 */
export function postgresInbox(options: PostgresInboxOptions): PostgresInbox {
  const settings = postgresSettingsOf(options);
  const deadLetters = createPostgresDeadLetters(settings);
  listenToLosses(settings.pool);
  const transactions = createGroupedTransactions(settings, { senders: senderStatements(settings.tables.senders), deadLetters });

  const run = <T>(job: (result: AsyncSubject<T>) => InboxJob): Observable<T> =>
    defer(() => {
      const result = new AsyncSubject<T>();
      transactions.add(job(result));
      return result;
    });
  return {
    durability: durable,
    deadLetters,
    claim: (pid, decide) => run((result) => ({ pid, decide, result })),
    commit: (lease, cursor, completions) => run((result) => ({ pid: lease.pid, write: { lease, cursor }, completions, result })),
    remember: (lease, session) => run((result) => ({ pid: lease.pid, write: { lease, session }, completions: [], result })),
  };
}
