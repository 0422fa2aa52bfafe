export { lmdbOutbox, type LmdbOutboxOptions } from './lmdbOutbox.js';
export { lmdbStore, type LmdbStore, type LmdbStoreOptions } from './lmdbStore.js';
export type { LmdbKey } from './databases.js';
export type { LmdbDeadLetters } from './deadLetters.js';
export type { LmdbRange, LmdbTable, LmdbTransaction } from './transaction.js';
