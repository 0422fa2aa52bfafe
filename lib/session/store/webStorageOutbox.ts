import { assertPositive } from '../../internal/assert.js';
import { browserStoreError } from './browserStoreError.js';
import { exclusive, type ExclusiveOptions } from './exclusive.js';
import type { OutboxStore } from './outboxStore.js';
import type { Store } from './store.js';
import { storedOutbox } from './storedOutbox.js';
import { webStore, type StorageLike } from './webStore.js';

export interface WebStorageOutboxOptions extends ExclusiveOptions {
  /**
   * The storage. Do not use `sessionStorage`: a duplicated tab would be a second owner of the same
   * outbox.
   * @default localStorage
   */
  readonly storage?: StorageLike | undefined;
  /** The maximum number of messages. @default 10_000 */
  readonly maxMessages?: number;
  /**
   * The maximum size of its batches in bytes. A site has room for about 5 million characters, and 3
   * bytes take 4.
   * @default 2_097_152: 2 MiB
   */
  readonly maxBytes?: number;
}

/**
 * Creates an outbox in `localStorage`. It survives reloads and crashes of the page, and is
 * synchronous. One tab at a time owns it, as with {@link exclusive}. The browser writes to the disk
 * with a delay: if the browser itself crashes, the writes of the last seconds may be lost.
 *
 * If no storage is available (disabled, private mode, Node), `open` delivers a `StoreError` with
 * `failed`.
 *
 * @param name Identifies the outbox: one name for each sender of this site.
 * @throws {RangeError} At call time, if a limit is not positive.
 * @example
 * import { webStorageOutbox } from 'rxwire';
 *
 * const store = webStorageOutbox('orders', { maxBytes: 500_000 });
 */
export function webStorageOutbox(name: string, options: WebStorageOutboxOptions = {}): OutboxStore {
  const { storage, maxMessages = 10_000, maxBytes = 2_097_152 } = options;
  assertPositive('webStorageOutbox', { maxMessages, maxBytes });
  const openStore = (): Store => webStore(storage ?? browserStorage(), name);
  const outbox = storedOutbox({ name: 'web-storage', log: name, maxMessages, maxBytes, openStore });
  return exclusive(outbox, `web-storage:${name}`, options);
}

/**
 * Returns `localStorage`. Its getter throws if the storage is disabled; Node has none.
 *
 * @throws {StoreError} `failed`
 */
function browserStorage(): StorageLike {
  try {
    const { localStorage } = globalThis as { readonly localStorage?: StorageLike };
    if (localStorage) return localStorage;
  } catch (cause) {
    throw browserStoreError('web-storage', cause);
  }
  throw browserStoreError('web-storage', new Error('localStorage is not available'));
}
