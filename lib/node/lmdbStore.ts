import { asyncScheduler, Subject, type Observable, type SchedulerLike } from 'rxjs';
import type { QueueLog, QueueStore } from '../app/queue/queueStore.js';
import { StoreError } from '../errors.js';
import { assertPositive } from '../internal/assert.js';
import type { Inbox } from '../session/store/inbox.js';
import type { OutboxStore } from '../session/store/outboxStore.js';
import type { ResultStore } from '../internal/resultStore.js';
import { assertName } from './databases.js';
import { createDeadLetters, type LmdbDeadLetters } from './deadLetters.js';
import { openEnvironment } from './environment.js';
import { createInbox } from './inbox.js';
import { createOutbox } from './outbox.js';
import { createQueueLog } from './queueLog.js';
import { createResults } from './results.js';
import { openTable, writeWithEffects, type LmdbTable, type LmdbTransaction } from './transaction.js';

const MONTH = 2_592_000_000;

export interface LmdbStoreOptions {
  /** The folder of the database; it is made where it is missing. */
  readonly path: string;
  /** Messages each outbox takes. @default 10_000 */
  readonly maxMessages?: number;
  /** Bytes of frames each outbox takes. @default 16_777_216: 16 MiB */
  readonly maxBytes?: number;
  /** How long an outbox that is not used is kept, in ms. @default 2_592_000_000: 30 days */
  readonly outboxTtl?: number;
  /** Outboxes kept at most; the one that was not used for longest gives way. @default 100_000 */
  readonly maxOutboxes?: number;
  /** How long a sender that is silent is remembered, in ms. @default 2_592_000_000: 30 days */
  readonly cursorTtl?: number;
  /** Senders remembered at most; the one that was silent for longest gives way. @default 100_000 */
  readonly maxSenders?: number;
  /** Dead letters kept at most; the oldest gives way. @default 10_000 */
  readonly maxDeadLetters?: number;
  /** How long a result is kept, in ms. @default 300_000 */
  readonly resultTtl?: number;
  /** Results kept at most; the oldest gives way. @default 10_000 */
  readonly maxResults?: number;
  /** The scheduler for clock and timers. @default asyncScheduler */
  readonly scheduler?: SchedulerLike;
}

/** All that a server or client keeps, in one LMDB environment. */
export interface LmdbStore extends QueueStore {
  /** The outbox of this name: one for a client, one for each client of a server. See `lmdbOutbox`. */
  outbox(name: string): OutboxStore;
  /** What is not finished of the queue of this name: give the store to `queue` as its `store`. Two that have opened the same are kept apart, as with outboxes. */
  queue(name: string): QueueLog;
  /** How far received messages are processed; effects write in the same transaction. */
  readonly inbox: Inbox<LmdbTransaction>;
  /** What could not be processed. */
  readonly deadLetters: LmdbDeadLetters;
  /** What was answered lately. A `put` within an effect belongs to the transaction of that. */
  readonly results: ResultStore;
  /**
   * A table of the application, made when it is new; 100 of them fit. Not within a transaction.
   *
   * @throws {TypeError} If the name is empty, too long, has a NUL or begins with `rxwire.`.
   */
  table<V>(name: string): LmdbTable<V>;
  /**
   * Writes to tables without a message: runs `work` in a transaction, and emits when that would survive a power failure. A throw undoes it, and is
   * the error.
   */
  transact(work: (transaction: LmdbTransaction) => void): Observable<void>;
  /** Records that nobody can read; they count as missing. */
  readonly faults$: Observable<StoreError>;
  /** Lets go of it, when all that is to be written is. Outboxes that are open stay so. */
  close(): void;
}

/**
 * Keeps what sessions must not lose, and what their messages bring about, in one LMDB environment: an outbox for each peer, an inbox whose effects
 * and cursor are one transaction, dead letters, results, and tables of your own. Needs the package `lmdb`.
 *
 * What is answered would survive a power failure. All that comes while one transaction is on its way to the disk shares the next, whoever it comes
 * from: the more there is to do, the fewer flushes it takes. Stores over the same folder share it; other processes may open it, too.
 *
 * @throws {RangeError} At call time, if a limit is not positive.
 * @throws {StoreError} At call time, if the folder cannot be opened. Delivered: `quota` when the disk is full, `failed` with LMDB's error as its
 * `cause`.
 * @example
 * const store = lmdbStore({ path: '.tmp/store' });
 * const balances = store.table<number>('balances');
 * store.transact((transaction) => transaction.put(balances, 'ann', 42)).subscribe(() => {
 *   console.log(balances.get('ann')); // prints: 42
 *   store.close();
 * });
 */
export function lmdbStore(options: LmdbStoreOptions): LmdbStore {
  const { path, maxMessages = 10_000, maxBytes = 16_777_216, outboxTtl = MONTH, maxOutboxes = 100_000, cursorTtl = MONTH } = options;
  const { maxSenders = 100_000, maxDeadLetters = 10_000, resultTtl = 300_000, maxResults = 10_000, scheduler = asyncScheduler } = options;
  assertPositive('lmdbStore', { maxMessages, maxBytes, outboxTtl, maxOutboxes, cursorTtl });
  assertPositive('lmdbStore', { maxSenders, maxDeadLetters, resultTtl, maxResults });

  const environment = openEnvironment(path);
  const faults$ = new Subject<StoreError>();
  const onCorrupt = (): void => faults$.next(new StoreError('lmdb', 'corrupt'));
  const deadLetters = createDeadLetters(environment, maxDeadLetters, onCorrupt);
  let isOpen = true;

  return {
    deadLetters,
    faults$,
    inbox: createInbox({ environment, deadLetters, ttl: cursorTtl, maxSenders, scheduler, onCorrupt }),
    results: createResults({ environment, ttl: resultTtl, maxResults, scheduler }),
    outbox: (name) => {
      assertName('lmdbStore', name);
      return createOutbox(path, { name, maxMessages, maxBytes, ttl: outboxTtl, maxOutboxes, scheduler });
    },
    queue: (name) => {
      assertName('lmdbStore', name);
      return createQueueLog(path, name);
    },
    table: (name) => openTable(environment, name),
    transact: (work) => writeWithEffects(environment, (perform) => perform(work)),
    close: () => {
      if (isOpen) environment.release();
      isOpen = false;
    },
  };
}
