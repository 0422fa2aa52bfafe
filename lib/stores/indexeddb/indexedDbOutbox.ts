import { assertPositive, checkOptions } from '../../message/development.js';
import { asObservable } from '../../message/maybeAsync.js';
import { exclusive, type ExclusiveOptions } from '../web/exclusive.js';
import type { MemoryOutboxOptions } from '../memoryOutbox.js';
import type { OutboxStore } from '../outboxStore.js';
import { storedOutbox } from '../log/storedOutbox.js';
import { databaseExists } from './indexedDatabase.js';
import { indexedDbStore } from './indexedDbStore.js';

export type IndexedDbOutboxOptions = ExclusiveOptions & MemoryOutboxOptions;

/**
 * An outbox in IndexedDB, in a database `rxwire:<name>`. Stored messages outlive the page, the
 * browser and a power failure. One tab at a time owns it, as with `exclusive`. Each write is one
 * transaction.
 *
 * If the browser removes the database (storage was cleared, or space was needed), `faults$` reports
 * `evicted`, and the outbox continues as the same sender with a new database.
 * `navigator.storage.persist()` asks the browser to keep it.
 *
 * Without IndexedDB, or after a newer version of the database, `open` delivers a `StoreError`,
 * `failed`.
 *
 * @param name Unique for each sender of this site.
 * @throws {RangeError} At call time, if a limit is not positive.
 * @example
 * import { indexedDbOutbox } from 'rxwire/indexeddb';
 *
 * const store = indexedDbOutbox('orders', { maxMessages: 50_000 });
 */
export function indexedDbOutbox(name: string, options: IndexedDbOutboxOptions = {}): OutboxStore {
  checkOptions('indexedDbOutbox', options);
  const { maxMessages = 10_000, maxBytes = 16_777_216, ...lock } = options;
  assertPositive('indexedDbOutbox', { maxMessages, maxBytes });
  const database = `rxwire:${name}`;
  const openStore = () => indexedDbStore(database);
  const outbox = storedOutbox({ name: 'indexeddb', log: 'outbox', maxMessages, maxBytes, openStore });
  const store = { ...outbox, exists: () => databaseExists(database), open: () => asObservable(() => outbox.open()) };
  return exclusive(store, `indexeddb:${name}`, lock);
}
