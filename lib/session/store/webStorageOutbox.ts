import { Subject, throwError } from 'rxjs';
import { StoreError, type StoreFault } from '../../errors.js';
import { assertPositive } from '../../internal/assert.js';
import type { MaybeAsync } from '../../internal/maybeAsync.js';
import { createRing, type Ring } from '../../internal/ring.js';
import { durable } from '../durability.js';
import { exclusive, type ExclusiveOptions } from './exclusive.js';
import type { OpenedOutbox, OutboxStore, OutboxWrite } from './outboxStore.js';
import { faultOf, keyOf, storeError, takeOver } from './records.js';
import { createStorageArea, type StorageArea, type StorageLike } from './storageArea.js';
import { headOf, type StoredHead } from './storedHead.js';

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

const STORE = 'web-storage';

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
  return exclusive({ ...storageStore(() => storage ?? browserStorage(), name), maxMessages, maxBytes }, `web-storage:${name}`, options);
}

/** The state of the current owner. */
interface Tenure {
  readonly area: StorageArea;
  head: StoredHead;
  /** The keys of the batches, in rising order. */
  keys: Ring<number>;
}

function storageStore(findStorage: () => StorageLike, name: string): Omit<OutboxStore, 'maxMessages' | 'maxBytes'> {
  const faults$ = new Subject<StoreError>();
  let tenure: Tenure | undefined;

  const tell = (fault: StoreFault): void => faults$.next(new StoreError(STORE, fault));
  const open = (): OpenedOutbox => {
    const area = createStorageArea(findStorage(), name);
    const found = area.read();
    const { head, contents, corrupt, isReset } = takeOver(area.head(), found);
    area.write(head, [], isReset);
    tenure = { area, head, keys: ringOf(isReset ? [] : found.map(([last]) => last)) };
    for (let told = 0; told < corrupt; told++) tell('corrupt');
    return contents;
  };
  /** Writes as the owner, also when the storage was cleared. Fails if there is a newer owner. */
  const write = (change: OutboxWrite): void => {
    if (!tenure) throw new StoreError(STORE, 'failed', new Error('the outbox is not open'));
    const fault = faultOf(tenure.area.head(), tenure.head);
    try {
      if (fault === 'fenced') throw new StoreError(STORE, fault);
      store(tenure, change);
    } finally {
      // Reported last: a subscriber may store the lost batches again at once.
      if (fault) tell(fault);
    }
  };

  return {
    isDurable: true,
    durability: durable,
    faults$,
    open: () => attempt(open),
    write: (change) => attempt(() => write(change)),
    close: () => void (tenure = undefined),
  };
}

function store(tenure: Tenure, { head, batches, replaces }: OutboxWrite): void {
  const next = headOf(tenure.head, head);
  tenure.area.write(next, batches, replaces);
  tenure.head = next;
  if (replaces) tenure.keys = ringOf([]);
  const { area, keys } = tenure;
  for (const batch of batches) keys.push(keyOf(batch));
  for (let last = keys.peek(); last !== undefined && last <= head.acked; last = keys.peek()) {
    area.remove(last);
    keys.shift();
  }
}

function ringOf(numbers: readonly number[]): Ring<number> {
  const ring = createRing<number>();
  for (const number of numbers) ring.push(number);
  return ring;
}

/** Runs `work`, and delivers its exception as an error. */
function attempt<T>(work: () => T): MaybeAsync<T> {
  try {
    return work();
  } catch (cause) {
    return throwError(() => storeError(STORE, cause));
  }
}

/** Returns `localStorage`. Its getter throws if the storage is disabled; Node has none. */
function browserStorage(): StorageLike {
  const { localStorage } = globalThis as { readonly localStorage?: StorageLike };
  if (!localStorage) throw new Error('localStorage is not available');
  return localStorage;
}
