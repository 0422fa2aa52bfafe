import { Subject, type Observable, type SchedulerLike } from 'rxjs';
import { checkOptions } from '../../message/development.js';
import { type QueueLog, type QueueStore, storedQueueLog } from '../../operators/queue/queueStore.js';
import { StoreError } from '../../message/errors.js';
import { asObservable } from '../../message/maybeAsync.js';
import type { DeadLetterStore, StoredDeadLetter } from '../deadLetterStore.js';
import type { Inbox } from '../inbox.js';
import type { OutboxStore } from '../outboxStore.js';
import { storedInbox } from '../log/storedInbox.js';
import { storedLetters } from '../log/storedLetters.js';
import { storedResults } from '../log/storedResults.js';
import { positive, readOptions, type OptionTable } from '../../message/options/readOptions.js';
import type { ResultStore } from '../../operators/buffers/resultStore.js';
import { steadyScheduler } from '../../message/steadyScheduler.js';
import { assertName } from './lmdbDatabases.js';
import { lmdbLogs } from './lmdbLogs.js';
import { createLmdbOutbox } from './lmdbOutbox.js';
import { openTable, writeWithEffects, type LmdbTable, type LmdbTransaction } from './lmdbTransaction.js';

const MONTH = 2_592_000_000;
/** The number of index steps in a ttl: hours of 30 days. */
const STEPS_PER_TTL = 720;

export interface LmdbStoreOptions {
  /** The folder of the database, which is created if it does not exist. */
  readonly path: string;
  /** The maximum number of messages of each outbox. @default 10_000 */
  readonly maxMessages?: number;
  /** The maximum size of each outbox's frames in bytes. @default 16_777_216: 16 MiB */
  readonly maxBytes?: number;
  /**
   * The time after which an unused outbox is removed, in ms: while the store is open, and an hour
   * of each pause.
   * @default 2_592_000_000: 30 days
   */
  readonly outboxTtl?: number;
  /** The maximum number of outboxes: the least recently used is removed. @default 100_000 */
  readonly maxOutboxes?: number;
  /**
   * The time after which a silent sender is forgotten, in ms: while the store is open, and an hour
   * of each pause.
   * @default 2_592_000_000: 30 days
   */
  readonly cursorTtl?: number;
  /** The maximum number of senders: the one that was silent longest is removed. @default 100_000 */
  readonly maxSenders?: number;
  /** The maximum number of dead letters. Above it, the oldest is removed. @default 10_000 */
  readonly maxDeadLetters?: number;
  /**
   * The time for which a result is kept, in ms: while the store is open, and an hour of each pause.
   * @default 300_000
   */
  readonly resultTtl?: number;
  /** The maximum number of results. Above it, the oldest is removed. @default 10_000 */
  readonly maxResults?: number;
  /** The scheduler for clock and timers. @default asyncScheduler, with a monotonic clock */
  readonly scheduler?: SchedulerLike;
}

const LMDB_STORE_OPTIONS = {
  maxMessages: [positive, 10_000],
  maxBytes: [positive, 16_777_216],
  outboxTtl: [positive, MONTH],
  maxOutboxes: [positive, 100_000],
  cursorTtl: [positive, MONTH],
  maxSenders: [positive, 100_000],
  maxDeadLetters: [positive, 10_000],
  resultTtl: [positive, 300_000],
  maxResults: [positive, 10_000],
} satisfies OptionTable<LmdbStoreOptions>;

/** Dead letters in LMDB, including those that an inbox has stored with its cursor. */
export interface LmdbDeadLetters extends DeadLetterStore {
  /**
   * Removes a letter to process it again. Emits it when the removal is durable; completes without a
   * value if it does not exist.
   *
   * @param effect Writes its results in the transaction that removes the letter. An exception rolls
   *   back both, and is delivered.
   */
  take(id: number, effect?: (transaction: LmdbTransaction, letter: StoredDeadLetter) => void): Observable<StoredDeadLetter>;
}

/** The stores of a server or client in one LMDB environment. */
export interface LmdbStore extends QueueStore {
  /** Returns the outbox with this name, one for each peer. See `lmdbOutbox`. */
  outbox(name: string): OutboxStore;
  /**
   * Returns the log of the queue with this name. Pass the store to `queue` as its `store`. If two
   * open the same log, the later one becomes its owner, as with outboxes.
   */
  queue(name: string): QueueLog;
  /** The processing state of received messages. Effects write in the same transaction. */
  readonly inbox: Inbox<LmdbTransaction>;
  /** Messages that could not be processed. */
  readonly deadLetters: LmdbDeadLetters;
  /** The latest results. A `put` inside an effect is part of its transaction. */
  readonly results: ResultStore;
  /**
   * Returns a table of the application, creating it if needed; up to 100. Not inside a transaction.
   *
   * @throws {TypeError} If the name is empty, too long, has a NUL or begins with `rxwire.`.
   */
  table<V>(name: string): LmdbTable<V>;
  /**
   * Writes to tables outside of message processing: runs `work` in a transaction, and emits when it
   * is durable. An exception rolls it back, and is delivered.
   */
  transact(work: (transaction: LmdbTransaction) => void): Observable<void>;
  /** Reports unreadable records, which count as missing. */
  readonly faults$: Observable<StoreError>;
  /** Closes the store when all writes are done. Open outboxes stay open. */
  close(): void;
}

/**
 * Stores the state of sessions, and the effects of their messages, in one LMDB environment: an
 * outbox for each peer, an inbox whose effects and cursor share one transaction, dead letters,
 * results, and tables of the application. Needs the package `lmdb`.
 *
 * A write is confirmed when it survives a power failure. All writes that arrive during a
 * transaction share the next one, whichever part they come from: the higher the load, the fewer
 * flushes per write. Stores over the same folder, also of other processes, share its state.
 *
 * @throws {RangeError} At call time, if a limit is not positive.
 * @throws {StoreError} At call time, if the folder cannot be opened. Delivered: `quota` if the disk
 *   is full, `failed` with LMDB's error as its `cause`.
 * @example
 * import { lmdbStore } from 'rxwire/node';
 *
 * const store = lmdbStore({ path: '.tmp/store' });
 * const balances = store.table<number>('balances');
 * store.transact((transaction) => transaction.put(balances, 'ann', 42)).subscribe(() => {
 *   console.log(balances.get('ann')); // prints: 42
 *   store.close();
 * });
 */
export function lmdbStore(options: LmdbStoreOptions): LmdbStore {
  checkOptions('lmdbStore', options);
  const { path, scheduler = steadyScheduler() } = options;
  const read = readOptions('lmdbStore', options, LMDB_STORE_OPTIONS);
  const { maxMessages, maxBytes, outboxTtl, maxOutboxes, cursorTtl, maxSenders, maxDeadLetters, resultTtl, maxResults } = read;

  const openLogs = lmdbLogs({
    path,
    kinds: {
      outbox: { ttl: outboxTtl, max: maxOutboxes, step: outboxTtl / STEPS_PER_TTL },
      sender: { ttl: cursorTtl, max: maxSenders, step: cursorTtl / STEPS_PER_TTL },
      // A result is stored once, and the oldest is evicted first.
      result: { ttl: resultTtl, max: maxResults, step: 1 },
    },
    scheduler,
  });
  const logs = openLogs();
  const { environment } = logs;
  const faults$ = new Subject<StoreError>();
  const onCorrupt = (): void => faults$.next(new StoreError('lmdb', 'corrupt'));
  const deadLetters = storedLetters(logs, maxDeadLetters, onCorrupt);

  return {
    deadLetters,
    faults$,
    inbox: storedInbox({ store: logs, letters: deadLetters, onCorrupt }),
    // Inside an effect, the write is part of its transaction.
    results: storedResults({ read: logs.read, transact: logs.transactWithin }),
    outbox: (name) => {
      assertName('lmdbStore', name);
      return createLmdbOutbox(openLogs, { name, maxMessages, maxBytes });
    },
    queue: (name) => {
      assertName('lmdbStore', name);
      const log = storedQueueLog({ name: 'lmdb', log: `queue ${name}`, openStore: openLogs });
      return { ...log, open: () => asObservable(log.open) };
    },
    table: (name) => openTable(environment, name),
    transact: (work) => writeWithEffects(environment, (perform) => perform(work)),
    close: logs.close,
  };
}
