export { lmdbChannelLog, type LmdbChannelLog, type LmdbChannelLogOptions } from './lmdbChannelLog.js';
export { lmdbOutbox, type LmdbOutboxOptions } from './lmdbOutbox.js';
export { lmdbStore, type LmdbStore, type LmdbStoreOptions } from './lmdbStore.js';
export type { LmdbKey } from './lmdbDatabases.js';
export type { LmdbDeadLetters } from './lmdbDeadLetters.js';
export type { LmdbRange, LmdbTable, LmdbTransaction } from './lmdbTransaction.js';
