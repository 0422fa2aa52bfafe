import { Subject, type Observable, type SchedulerLike } from 'rxjs';
import { checkOptions } from '../../message/development.js';
import { StoreError } from '../../message/errors.js';
import type { DeadLetterStore, StoredDeadLetter } from '../deadLetterStore.js';
import { SERVER_STORES_LIMITS, serverStores, storedResults, type ServerStores, type ServerStoresLimits } from '../log/serverStores.js';
import { positive, readOptions, type OptionTable } from '../../message/options/readOptions.js';
import { steadyScheduler } from '../../message/steadyScheduler.js';
import { assertName } from './lmdbDatabases.js';
import { lmdbLogs } from './lmdbLogs.js';
import { openTable, writeWithEffects, type LmdbTable, type LmdbTransaction } from './lmdbTransaction.js';

const MONTH = 2_592_000_000;
/** The number of index steps in a ttl: hours of 30 days. */
const STEPS_PER_TTL = 720;

export interface LmdbStoreOptions extends ServerStoresLimits {
  /** The folder of the database, which is created if it does not exist. */
  readonly path: string;
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
  ...SERVER_STORES_LIMITS,
  outboxTtl: [positive, MONTH],
  maxOutboxes: [positive, 100_000],
  cursorTtl: [positive, MONTH],
  maxSenders: [positive, 100_000],
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

/**
 * The stores of a server or client in one LMDB environment. If two open the same
 * outbox or queue, the later one becomes its owner. A `put` of `results` inside an effect is part
 * of its transaction.
 */
export interface LmdbStore extends ServerStores<LmdbTransaction> {
  /** The messages of `inbox` that could not be processed. */
  readonly deadLetters: LmdbDeadLetters;
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
  const limits = readOptions('lmdbStore', options, LMDB_STORE_OPTIONS);
  const { outboxTtl, maxOutboxes, cursorTtl, maxSenders, resultTtl, maxResults } = limits;
  const { path, scheduler = steadyScheduler() } = options;

  const kinds = {
    outbox: { ttl: outboxTtl, max: maxOutboxes, step: outboxTtl / STEPS_PER_TTL },
    sender: { ttl: cursorTtl, max: maxSenders, step: cursorTtl / STEPS_PER_TTL },
    // A result is stored once, and the oldest is evicted first.
    result: { ttl: resultTtl, max: maxResults, step: 1 },
  };
  const openStore = lmdbLogs(path, kinds, scheduler);
  const logs = openStore();
  const { environment } = logs;
  const faults$ = new Subject<StoreError>();
  const onCorrupt = (): void => faults$.next(new StoreError('lmdb', 'corrupt'));
  const { inbox, outbox, queue } = serverStores(logs, { limits, onCorrupt, onCorruptLetter: onCorrupt, openStore });

  return {
    deadLetters: inbox.deadLetters,
    faults$,
    inbox,
    // Inside an effect, the write is part of its transaction.
    results: storedResults({ read: logs.read, transact: logs.transactWithin }),
    outbox: (name) => {
      assertName('lmdbStore', name);
      return outbox(name);
    },
    queue: (name) => {
      assertName('lmdbStore', name);
      return queue(name);
    },
    table: (name) => openTable(environment, name),
    transact: (work) => writeWithEffects(environment, (perform) => perform(work)),
    close: logs.close,
  };
}
