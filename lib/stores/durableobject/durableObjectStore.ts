import { type QueueStore, storedQueueLog } from '../../operators/queue/queueStore.js';
import type { ResultStore } from '../../operators/buffers/resultStore.js';
import { StoreError } from '../../message/errors.js';
import { positive, readOptions, type OptionTable } from '../../message/options/readOptions.js';
import { checkOptions } from '../../message/development.js';
import type { DeadLetterStore } from '../deadLetterStore.js';
import type { Inbox } from '../inbox.js';
import { storedInbox } from '../log/storedInbox.js';
import { storedLetters } from '../log/storedLetters.js';
import { storedOutbox } from '../log/storedOutbox.js';
import { storedResults } from '../log/storedResults.js';
import type { OutboxStore } from '../outboxStore.js';
import { sqlLogs, type DurableObjectStorage, type SqlStorage } from './sqlLogs.js';

export type { DurableObjectStorage, SqlStorage } from './sqlLogs.js';

export interface DurableObjectStoreOptions {
  /** The maximum number of messages of each outbox. @default 10_000 */
  readonly maxMessages?: number;
  /** The maximum size of each outbox's frames in bytes. @default 16_777_216: 16 MiB */
  readonly maxBytes?: number;
  /** The maximum number of dead letters. Above it, the oldest is removed. @default 10_000 */
  readonly maxDeadLetters?: number;
  /**
   * The time after which the state of a silent peer, or a result, is removed, in ms: when the
   * object starts.
   * @default 2_592_000_000: 30 days
   */
  readonly ttl?: number;
}

const DURABLE_OBJECT_OPTIONS = {
  maxMessages: [positive, 10_000],
  maxBytes: [positive, 16_777_216],
  maxDeadLetters: [positive, 10_000],
  ttl: [positive, 2_592_000_000],
} satisfies OptionTable<DurableObjectStoreOptions>;

/** An inbox in the storage of a Durable Object. */
export interface DurableObjectInbox extends Inbox<SqlStorage> {
  /** Messages that could not be processed. */
  readonly deadLetters: DeadLetterStore;
}

/** The stores of a server in the storage of a Durable Object. */
export interface DurableObjectStore extends QueueStore {
  /** The processing state of received messages. Effects write SQL in the same transaction. */
  readonly inbox: DurableObjectInbox;
  /** Returns the outbox with this name: one for each client of a server. */
  outbox(name: string): OutboxStore;
  /** Results of requests, for `idempotent`. */
  readonly results: ResultStore;
}

/**
 * Stores the state of sessions in the storage of a Durable Object of Cloudflare, which must use
 * SQLite. A session continues after Cloudflare has stopped the object, and started it again. Each
 * value may have 2 MB.
 *
 * @param storage The storage of the object: `ctx.storage`.
 * @throws {RangeError} At call time, if a number is not positive.
 * @throws {TypeError} At call time, for an unknown option.
 * @throws {StoreError} At call time, if the storage cannot be used. Delivered: `quota` if the
 *   storage is full or a value is too large, `failed` with the error of the storage as `cause`.
 * @example
 * import { fetchHandler } from 'rxwire/fetch';
 * import { durableObjectStore, type DurableObjectStorage } from 'rxwire/durable-objects';
 *
 * class Chat {
 *   readonly fetch: (request: Request) => Response | Promise<Response>;
 *
 *   constructor({ storage }: { readonly storage: DurableObjectStorage }) {
 *     const { inbox, outbox } = durableObjectStore(storage);
 *     const { wires$, fetch } = fetchHandler({ inbox, outbox });
 *     wires$.subscribe((wire) => wire.subscribe(({ payload }) => console.log(payload)));
 *     this.fetch = fetch;
 *   }
 * }
 */
export function durableObjectStore(storage: DurableObjectStorage, options: DurableObjectStoreOptions = {}): DurableObjectStore {
  checkOptions('durableObjectStore', options);
  const { maxMessages, maxBytes, maxDeadLetters, ttl } = readOptions('durableObjectStore', options, DURABLE_OBJECT_OPTIONS);
  const store = sqlLogs(storage, ttl);
  const { name } = store;
  const onCorrupt = (): never => {
    throw new StoreError(name, 'corrupt');
  };
  const deadLetters = storedLetters(store, maxDeadLetters, () => undefined);
  const openStore = () => store;
  return {
    inbox: { ...storedInbox({ store, letters: deadLetters, onCorrupt }), deadLetters },
    outbox: (pid) => storedOutbox({ name, log: `outbox ${pid}`, maxMessages, maxBytes, openStore }),
    queue: (queue) => storedQueueLog({ name, log: `queue ${queue}`, openStore }),
    results: storedResults(store),
  };
}
