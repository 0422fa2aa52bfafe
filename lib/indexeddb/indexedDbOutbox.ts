import { catchError, defer, Subject, throwError, type Observable } from 'rxjs';
import { StoreError, type StoreFault } from '../errors.js';
import { assertPositive } from '../internal/assert.js';
import { durable } from '../session/durability.js';
import { exclusive, type ExclusiveOptions } from '../session/store/exclusive.js';
import type { OutboxContents, OutboxStore, StoredBatch } from '../session/store/outboxStore.js';
import { faultOf, keyOf, recordOf, storeError, takeOver, type Head } from '../session/store/records.js';
import { createIndexedDatabase, HEAD_KEY, type IndexedDatabase, type Transaction } from './indexedDatabase.js';

export interface IndexedDbOutboxOptions extends ExclusiveOptions {
  /** The maximum number of messages. @default 10_000 */
  readonly maxMessages?: number;
  /** The maximum size of its frames in bytes. @default 16_777_216: 16 MiB */
  readonly maxBytes?: number;
}

const STORE = 'indexeddb';

/**
 * An outbox in IndexedDB, in a database `rxwire:<name>`. Stored messages outlive the page, the
 * browser and a power failure. One tab at a time owns it, as with `exclusive`. Each call is one
 * transaction.
 *
 * If the browser removes the database (storage was cleared, or space was needed), `faults$` reports
 * `evicted`, and the outbox continues as the same sender with a new database.
 * `navigator.storage.persist()` asks the browser to keep it.
 *
 * Without IndexedDB, or after a newer version of the database, `open` delivers a `StoreError`,
 * `failed`.
 *
 * @param name Unique for each sender of this site.
 * @throws {RangeError} At call time, if a limit is not positive.
 * @example
 * import { indexedDbOutbox } from 'rxwire/indexeddb';
 *
 * const store = indexedDbOutbox('orders', { maxMessages: 50_000 });
 */
export function indexedDbOutbox(name: string, options: IndexedDbOutboxOptions = {}): OutboxStore {
  const { maxMessages = 10_000, maxBytes = 16_777_216 } = options;
  assertPositive('indexedDbOutbox', { maxMessages, maxBytes });
  return exclusive({ ...databaseStore(`rxwire:${name}`), maxMessages, maxBytes }, `indexeddb:${name}`, options);
}

/** The state of an owner. */
interface Ownership {
  readonly database: IndexedDatabase;
  head: Head;
}

type ReportFault = (fault: StoreFault) => void;
type Change = (head: Head) => Head;
type Writes = (transaction: Transaction) => Promise<unknown>;

function databaseStore(name: string): Omit<OutboxStore, 'maxMessages' | 'maxBytes'> {
  const faults$ = new Subject<StoreError>();
  let database: IndexedDatabase | undefined;
  let ownership: Ownership | undefined;

  const reportFault: ReportFault = (fault) => faults$.next(new StoreError(STORE, fault));
  const write = (change: Change = unchanged, writes: Writes = noWrites): Observable<void> =>
    asStoreResult(() => writeAsOwner(ownership, reportFault, change, writes));
  /**
   * Recreates a removed database at once, so that the loss is reported before the next write of the
   * owner.
   */
  const restore = (): void => {
    if (ownership) write().subscribe({ error: (error: StoreError) => error.fault !== 'fenced' && faults$.next(error) });
  };
  const close = (): void => {
    database?.close();
    database = ownership = undefined;
  };
  const open = async (): Promise<OutboxContents> => {
    close();
    const opened = (database = createIndexedDatabase(name, ['head', 'batches'], restore));
    const { head, contents, corrupt } = await opened.transact(takeOwnership);
    // It may have been closed in the meantime.
    if (opened === database) ownership = { database: opened, head };
    for (let reported = 0; reported < corrupt; reported++) reportFault('corrupt');
    return contents;
  };

  return {
    isDurable: true,
    durability: durable,
    faults$,
    open: () => asStoreResult(open),
    append: (batches) => write(unchanged, (transaction) => put(transaction, batches)),
    trim: (acked) =>
      write(
        (head) => (acked > head.acked ? { ...head, acked } : head),
        (transaction) => transaction.objectStore('batches').delete(IDBKeyRange.upperBound(acked)),
      ),
    replace: (acked, batches, sent) =>
      write(
        (head) => ({ ...head, acked, sent }),
        (transaction) => Promise.all([transaction.objectStore('batches').clear(), put(transaction, batches)]),
      ),
    mark: (sent) => write((head) => ({ ...head, sent })),
    remember: (ticket) => write((head) => ({ ...head, ticket })),
    close,
  };
}

/**
 * Changes the head and writes more as the owner, unless there is a newer owner. It also works after
 * all data was cleared.
 */
async function writeAsOwner(ownership: Ownership | undefined, reportFault: ReportFault, change: Change, writes: Writes): Promise<void> {
  if (!ownership) throw new Error('It is not open.');
  let fault: StoreFault | undefined;
  ownership.head = await ownership.database.transact(async (transaction) => {
    const heads = transaction.objectStore('head');
    const found = await heads.get(HEAD_KEY);
    // Read here, because the earlier transactions have ended only now.
    const before = ownership.head;
    fault = faultOf(found, before);
    if (fault === 'fenced') {
      reportFault(fault);
      throw new StoreError(STORE, fault);
    }
    const after = change(before);
    await Promise.all([fault || after !== before ? heads.put(after, HEAD_KEY) : undefined, writes(transaction)]);
    return after;
  });
  if (fault) reportFault(fault);
}

/** Reads the stored state and takes ownership. */
async function takeOwnership(transaction: Transaction): Promise<ReturnType<typeof takeOver>> {
  const heads = transaction.objectStore('head');
  const batches = transaction.objectStore('batches');
  const [found, keys, records] = await Promise.all([heads.get(HEAD_KEY), batches.getAllKeys(), batches.getAll()]);
  const takeover = takeOver(
    found,
    keys.map((last, index) => [last, records[index]]),
  );
  await Promise.all([heads.put(takeover.head, HEAD_KEY), takeover.isReset ? batches.clear() : undefined]);
  return takeover;
}

function put(transaction: Transaction, batches: readonly StoredBatch[]): Promise<unknown> {
  const store = transaction.objectStore('batches');
  return Promise.all(batches.map((batch) => store.put(recordOf(compact(batch)), keyOf(batch))));
}

/** IndexedDB would store the whole buffer of a partial view. */
function compact(batch: StoredBatch): StoredBatch {
  const { frame } = batch;
  return typeof frame === 'string' || frame.length === frame.buffer.byteLength ? batch : { ...batch, frame: frame.slice() };
}

/** Runs the work at subscription, and converts its errors to `StoreError`. */
function asStoreResult<T>(work: () => Promise<T>): Observable<T> {
  return defer(work).pipe(catchError((cause: unknown) => throwError(() => storeError(STORE, cause))));
}

const unchanged = (head: Head): Head => head;
const noWrites = (): Promise<void> => Promise.resolve();
