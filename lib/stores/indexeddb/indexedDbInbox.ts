import { noop } from 'rxjs';
import { assertPositive, checkOptions } from '../../message/development.js';
import type { DeadLetterStore } from '../deadLetterStore.js';
import type { Inbox } from '../inbox.js';
import { storedInbox } from '../log/storedInbox.js';
import { storedLetters } from '../log/storedLetters.js';
import { indexedDbStore, type IndexedDbTable, type IndexedDbTransaction } from './indexedDbStore.js';

export interface IndexedDbInboxOptions {
  /** The maximum number of dead letters. A full store evicts the oldest. @default 10_000 */
  readonly maxDeadLetters?: number;
}

/** The inbox of a client in a browser. */
export interface IndexedDbInbox extends Inbox<IndexedDbTransaction> {
  /** Messages that could not be processed. */
  readonly deadLetters: DeadLetterStore;
  /** Returns a table of the application, in the database of the inbox. Effects write to it. */
  table<V>(name: string): IndexedDbTable<V>;
  /** Closes the database, which is opened again when it is needed. */
  close(): void;
}

/**
 * Stores which messages a client has processed in IndexedDB, in a database `rxwire.inbox:<name>`:
 * a message that was processed before a reload is not processed again. The effects of a message, as
 * writes to tables of this database, and the progress are one transaction. Dead letters are stored
 * in it, too. Needs the package `idb`.
 *
 * The session continues after a reload only with an outbox that survives the reload: use one name
 * for both. The inbox keeps the progress of the last 100 sessions. If another tab has become the
 * owner of the outbox, the writes of this tab fail with `fenced`. If the browser removes the
 * database, the tables are lost, and the progress is stored again.
 *
 * @param name Unique for each outbox of this site.
 * @throws {RangeError} At call time, if `maxDeadLetters` is not positive.
 * @throws {StoreError} Delivered: `quota` if there is no space, `fenced`, `failed`. The exception
 *   of an effect is delivered unchanged.
 * @example
 * import { connect, consume, webSocket } from 'rxwire';
 * import { indexedDbInbox, indexedDbOutbox, type IndexedDbTransaction } from 'rxwire/indexeddb';
 *
 * const inbox = indexedDbInbox('chat');
 * const notes = inbox.table<string>('notes');
 * const start = () => {
 *   const link = webSocket('wss://example.com/wire');
 *   const wire = connect({ link, outbox: indexedDbOutbox('chat'), inbox });
 *   return wire.pipe(
 *     consume(() => undefined, {
 *       effect: (transaction: IndexedDbTransaction, { id, payload }) =>
 *         transaction.put(notes, id, String(payload)),
 *     }),
 *   );
 * };
 */
export function indexedDbInbox(name: string, options: IndexedDbInboxOptions = {}): IndexedDbInbox {
  checkOptions('indexedDbInbox', options);
  const { maxDeadLetters = 10_000 } = options;
  assertPositive('indexedDbInbox', { maxDeadLetters });
  const store = indexedDbStore(`rxwire.inbox:${name}`);
  // An unreadable record counts as missing.
  return { ...storedInbox(store, storedLetters(store, maxDeadLetters, noop), noop), table: store.table, close: store.close };
}
