import { storedQueueLog, type QueueStore } from '../../operators/queue/queueStore.js';
import type { ResultStore } from '../../operators/buffers/resultStore.js';
import { positive, type OptionTable } from '../../message/options/readOptions.js';
import { StoreError } from '../../message/errors.js';
import { asObservable, converted } from '../../message/maybeAsync.js';
import type { DeadLetterStore } from '../deadLetterStore.js';
import type { Inbox } from '../inbox.js';
import type { OutboxStore } from '../outboxStore.js';
import { HEAD_ONLY, type ReadableStore, type Store } from '../store.js';
import { storedInbox } from './storedInbox.js';
import { storedLetters } from './storedLetters.js';
import { storedOutbox } from './storedOutbox.js';

/** The limits of the stores of a server. */
export interface ServerStoresLimits {
  /** The maximum number of messages of each outbox. @default 10_000 */
  readonly maxMessages?: number;
  /** The maximum size of the batches of each outbox, in bytes. @default 16_777_216: 16 MiB */
  readonly maxBytes?: number;
  /** The maximum number of dead letters. Above it, the oldest is removed. @default 10_000 */
  readonly maxDeadLetters?: number;
}

export const SERVER_STORES_LIMITS = {
  maxMessages: [positive, 10_000],
  maxBytes: [positive, 16_777_216],
  maxDeadLetters: [positive, 10_000],
} as const satisfies OptionTable<ServerStoresLimits>;

/** The inbox of a server, with its dead letters. */
export interface ServerInbox<Tx> extends Inbox<Tx> {
  /** Messages that could not be processed. */
  readonly deadLetters: DeadLetterStore;
}

/** The stores of a server: one database has them all. */
export interface ServerStores<Tx> extends QueueStore {
  /** The processing state of received messages. Effects write in the same transaction. */
  readonly inbox: ServerInbox<Tx>;
  /** Returns the outbox with this name: one for each client of a server. */
  outbox(name: string): OutboxStore;
  /** Results of requests, for `idempotent`. */
  readonly results: ResultStore;
}

export interface ServerStoresOptions {
  readonly limits: Required<ServerStoresLimits>;
  /** Called for each unreadable letter, which is skipped. @default no report */
  readonly onCorruptLetter?: () => void;
  /** Called for each unreadable sender, which counts as missing. @default it fails as `corrupt` */
  readonly onCorrupt?: () => void;
  /** Opens the store for an outbox or a queue, which closes it. @default all use `store` */
  readonly openStore?: () => Store;
}

/** Returns the outboxes, the inbox, the dead letters, the queues and the results of a store. */
export function serverStores<Tx>(store: ReadableStore<Tx>, options: ServerStoresOptions) {
  const { name } = store;
  const { maxMessages, maxBytes, maxDeadLetters } = options.limits;
  const throwCorrupt = (): never => {
    throw new StoreError(name, 'corrupt');
  };
  const { onCorruptLetter = () => undefined, onCorrupt = throwCorrupt, openStore = () => store } = options;
  const letters = storedLetters(store, maxDeadLetters, onCorruptLetter);
  return {
    inbox: storedInbox(store, letters, onCorrupt),
    outbox: (pid) => {
      const outbox = storedOutbox({ name, log: `outbox ${pid}`, maxMessages, maxBytes, openStore });
      return { ...outbox, open: (hello) => asObservable(() => outbox.open(hello)) };
    },
    queue: (queue) => storedQueueLog({ name, log: `queue ${queue}`, openStore }),
    results: storedResults(store),
  } satisfies ServerStores<Tx>;
}

/**
 * The results of a store. Each has a log, without entries: its head is an array with the result.
 *
 * @param store The parts of a store. Its `transact` may join a running transaction.
 */
export function storedResults(store: Pick<ReadableStore, 'read' | 'transact'>): ResultStore {
  const logOf = (key: string): string => `result ${key}`;
  return {
    get: (key) => converted(store.read(logOf(key), HEAD_ONLY), ({ head }): unknown => (Array.isArray(head) ? head[0] : undefined)),
    put: (key, result) =>
      converted(
        store.transact(logOf(key), (transaction) => transaction.change(logOf(key), { head: [result] })),
        () => undefined,
      ),
  };
}
