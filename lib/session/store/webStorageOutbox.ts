import { Subject, throwError } from 'rxjs';
import { StoreError, type StoreFault } from '../../errors.js';
import { assertPositive } from '../../internal/assert.js';
import type { MaybeAsync } from '../../internal/maybeAsync.js';
import { createRing, type Ring } from '../../internal/ring.js';
import { durable } from '../durability.js';
import { exclusive, type ExclusiveOptions } from './exclusive.js';
import type { OutboxContents, OutboxStore, StoredBatch } from './outboxStore.js';
import { faultOf, keyOf, storeError, takeOver, type Head } from './records.js';
import { createStorageArea, type StorageArea, type StorageLike } from './storageArea.js';

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
   * The maximum size of its frames in bytes. A site has room for about 5 million characters, and 3
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
  head: Head;
  /** The keys of the batches, in rising order. */
  keys: Ring<number>;
}

function storageStore(findStorage: () => StorageLike, name: string): Omit<OutboxStore, 'maxMessages' | 'maxBytes'> {
  const faults$ = new Subject<StoreError>();
  let tenure: Tenure | undefined;

  const tell = (fault: StoreFault): void => faults$.next(new StoreError(STORE, fault));
  const open = (): OutboxContents => {
    const area = createStorageArea(findStorage(), name);
    const found = area.keys();
    const { head, contents, corrupt, isReset } = takeOver(
      area.head(),
      found.map((last) => [last, area.batch(last)]),
    );
    area.setHead(head);
    if (isReset) found.forEach(area.remove);
    tenure = { area, head, keys: ringOf(isReset ? [] : found) };
    for (let told = 0; told < corrupt; told++) tell('corrupt');
    return contents;
  };
  /**
   * Runs `work` as the owner, also when the storage was cleared. Fails if there is a newer owner.
   */
  const write = (work: (tenure: Tenure) => void): MaybeAsync<void> =>
    attempt(() => {
      if (!tenure) throw new StoreError(STORE, 'failed', new Error('the outbox is not open'));
      const fault = faultOf(tenure.area.head(), tenure.head);
      try {
        if (fault === 'fenced') throw new StoreError(STORE, fault);
        if (fault) tenure.area.setHead(tenure.head);
        work(tenure);
      } finally {
        // Reported last: a subscriber may store the lost batches again at once.
        if (fault) tell(fault);
      }
    });

  return {
    isDurable: true,
    durability: durable,
    faults$,
    open: () => attempt(open),
    append: (batches) => write((mine) => append(mine, batches)),
    trim: (acked) => write((mine) => trim(mine, acked)),
    replace: (acked, batches, sent) => write((mine) => replace(mine, batches, { acked, sent })),
    mark: (sent) => write((mine) => update(mine, { sent })),
    remember: (ticket) => write((mine) => update(mine, { ticket })),
    close: () => void (tenure = undefined),
  };
}

function append({ area, keys }: Tenure, batches: readonly StoredBatch[]): void {
  area.add(batches);
  for (const batch of batches) keys.push(keyOf(batch));
}

function trim(tenure: Tenure, acked: number): void {
  const { area, keys, head } = tenure;
  // Writes the head first: if the batches were deleted and the head not written, their numbers
  // would be assigned again.
  if (acked > head.acked) update(tenure, { acked });
  for (let last = keys.peek(); last !== undefined && last <= acked; last = keys.peek()) {
    area.remove(last);
    keys.shift();
  }
}

function replace(tenure: Tenure, batches: readonly StoredBatch[], change: Pick<Head, 'acked' | 'sent'>): void {
  tenure.area.replace(batches);
  tenure.keys = ringOf(batches.map(keyOf));
  update(tenure, change);
}

function update(tenure: Tenure, change: Partial<Head>): void {
  const head = { ...tenure.head, ...change };
  tenure.area.setHead(head);
  tenure.head = head;
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
