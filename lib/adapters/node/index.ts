export { fromReadable, type FromReadableOptions, type ReadableChunks } from './fromReadable.js';
export { lmdbChannelLog, type LmdbChannelLog, type LmdbChannelLogOptions } from '../../stores/lmdb/lmdbChannelLog.js';
export { lmdbOutbox, type LmdbOutboxOptions } from '../../stores/lmdb/lmdbOutbox.js';
export { lmdbStore, type LmdbDeadLetters, type LmdbStore, type LmdbStoreOptions } from '../../stores/lmdb/lmdbStore.js';
export { toWritable, type ToWritableOptions } from './toWritable.js';
export { wireDuplex, type DuplexStreamOptions, type WireDuplexOptions } from './wireDuplex.js';
export type { DuplexWire } from './duplexRegistry.js';
export type { LmdbKey } from '../../stores/lmdb/lmdbDatabases.js';
export type { LmdbRange, LmdbTable, LmdbTransaction } from '../../stores/lmdb/lmdbTransaction.js';
