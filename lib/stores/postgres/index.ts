export { postgresChannelLog, type PostgresChannelLog, type PostgresChannelLogOptions } from './postgresChannelLog.js';
export { postgresStore, type PostgresInbox, type PostgresStore } from './postgresStore.js';
export { postgresMigration } from './postgresSchema.js';
export type {
  PostgresClient,
  PostgresStoreOptions,
  PostgresPool,
  PostgresPoolListener,
  PostgresResult,
  PostgresStatement,
} from './postgresOptions.js';
export type { PostgresTransaction } from './postgresTransaction.js';
export type { ServerInbox, ServerStores, ServerStoresLimits } from '../log/serverStores.js';
