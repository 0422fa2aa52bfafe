export { postgresInbox, type PostgresInbox } from './postgresInbox.js';
export { postgresMigration } from './postgresSchema.js';
export type {
  PostgresClient,
  PostgresInboxOptions,
  PostgresPool,
  PostgresPoolListener,
  PostgresResult,
  PostgresStatement,
} from './postgresOptions.js';
export type { PostgresTransaction } from './postgresTransaction.js';
