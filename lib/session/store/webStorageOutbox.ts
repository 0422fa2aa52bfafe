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
  /** Where it lies. Not `sessionStorage`: a tab that is duplicated would be a second owner of the same. @default localStorage */
  readonly storage?: StorageLike | undefined;
  /** Messages it takes. @default 10_000 */
  readonly maxMessages?: number;
  /** Bytes of frames it takes; a site has room for some 5 million characters, and bytes take 4 for 3. @default 2_097_152: 2 MiB */
  readonly maxBytes?: number;
}

const STORE = 'web-storage';

/**
 * An outbox in `localStorage`: it outlives reloads and crashes of the page, and answers at once. One tab at a time owns it, as with
 * {@link exclusive}. The browser writes to the disk a little later: what was stored in the last seconds may be gone when the browser itself dies.
 *
 * Where no storage can be used (disabled, private mode, Node), `open` delivers a `StoreError`, `failed`.
 *
 * @param name One for each sender of this site.
 * @throws {RangeError} At call time, if a limit is not positive.
 * @example
 * const store = webStorageOutbox('orders', { maxBytes: 500_000 });
 */
export function webStorageOutbox(name: string, options: WebStorageOutboxOptions = {}): OutboxStore {
  const { storage, maxMessages = 10_000, maxBytes = 2_097_152 } = options;
  assertPositive('webStorageOutbox', { maxMessages, maxBytes });
  return exclusive({ ...storageStore(() => storage ?? browserStorage(), name), maxMessages, maxBytes }, `web-storage:${name}`, options);
}

/** What an owner knows. */
interface Tenure {
  readonly area: StorageArea;
  head: Head;
  /** The keys of the batches, rising. */
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
  /** Does it as the owner, unless there is a newer one; also when all was cleared. */
  const write = (work: (tenure: Tenure) => void): MaybeAsync<void> =>
    attempt(() => {
      if (!tenure) throw new StoreError(STORE, 'failed', new Error('It is not open.'));
      const fault = faultOf(tenure.area.head(), tenure.head);
      try {
        if (fault === 'fenced') throw new StoreError(STORE, fault);
        if (fault) tenure.area.setHead(tenure.head);
        work(tenure);
      } finally {
        // At last: who is told may put back at once what is lost.
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
    replace: (acked, batches) => write((mine) => replace(mine, acked, batches)),
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
  // First: were the batches gone and the head not written, their numbers would be given again.
  if (acked > head.acked) update(tenure, { acked });
  for (let last = keys.peek(); last !== undefined && last <= acked; last = keys.peek()) {
    area.remove(last);
    keys.shift();
  }
}

function replace(tenure: Tenure, acked: number, batches: readonly StoredBatch[]): void {
  tenure.area.replace(batches);
  tenure.keys = ringOf(batches.map(keyOf));
  update(tenure, { acked });
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

/** What it gives; what it throws is delivered. */
function attempt<T>(work: () => T): MaybeAsync<T> {
  try {
    return work();
  } catch (cause) {
    return throwError(() => storeError(STORE, cause));
  }
}

/** The getter of `localStorage` throws where it is disabled; Node has none. */
function browserStorage(): StorageLike {
  const { localStorage } = globalThis as { readonly localStorage?: StorageLike };
  if (!localStorage) throw new Error('There is no localStorage.');
  return localStorage;
}
