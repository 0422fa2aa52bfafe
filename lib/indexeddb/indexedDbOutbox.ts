import { catchError, defer, Subject, throwError, type Observable } from 'rxjs';
import { StoreError, type StoreFault } from '../errors.js';
import { assertPositive } from '../internal/assert.js';
import { durable } from '../session/durability.js';
import { exclusive, type ExclusiveOptions } from '../session/store/exclusive.js';
import type { OpenedOutbox, OutboxStore, OutboxWrite, StoredBatch } from '../session/store/outboxStore.js';
import { faultOf, keyOf, recordOf, storeError, takeOver } from '../session/store/records.js';
import { headOf, type StoredHead } from '../session/store/storedHead.js';
import { createIndexedDatabase, HEAD_KEY, type IndexedDatabase, type Transaction } from './indexedDatabase.js';

export interface IndexedDbOutboxOptions extends ExclusiveOptions {
  /** The maximum number of messages. @default 10_000 */
  readonly maxMessages?: number;
  /** The maximum size of its batches in bytes. @default 16_777_216: 16 MiB */
  readonly maxBytes?: number;
}

const STORE = 'indexeddb';

/**
 * An outbox in IndexedDB, in a database `rxwire:<name>`. Stored messages outlive the page, the
 * browser and a power failure. One tab at a time owns it, as with `exclusive`. Each write is one
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
  head: StoredHead;
}

type ReportFault = (fault: StoreFault) => void;

function databaseStore(name: string): Omit<OutboxStore, 'maxMessages' | 'maxBytes'> {
  const faults$ = new Subject<StoreError>();
  let database: IndexedDatabase | undefined;
  let ownership: Ownership | undefined;

  const reportFault: ReportFault = (fault) => faults$.next(new StoreError(STORE, fault));
  const write = (change?: OutboxWrite): Observable<void> => asStoreResult(() => writeAsOwner(ownership, reportFault, change));
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
  const open = async (): Promise<OpenedOutbox> => {
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
    write,
    close,
  };
}

/**
 * Writes as the owner, unless there is a newer one. It also works after all data was cleared.
 *
 * @param change Without it, the latest head is written again.
 */
async function writeAsOwner(ownership: Ownership | undefined, reportFault: ReportFault, change: OutboxWrite | undefined): Promise<void> {
  if (!ownership) throw new Error('It is not open.');
  let fault: StoreFault | undefined;
  ownership.head = await ownership.database.transact(async (transaction) => {
    const [heads, stored] = [transaction.objectStore('head'), transaction.objectStore('batches')];
    const found = await heads.get(HEAD_KEY);
    // Read here, because the earlier transactions have ended only now.
    const { head: before } = ownership;
    fault = faultOf(found, before);
    if (fault === 'fenced') {
      reportFault(fault);
      throw new StoreError(STORE, fault);
    }
    const { head, batches, replaces }: OutboxWrite = change ?? { head: before, batches: [], replaces: false };
    const after = headOf(before, head);
    const removed = replaces ? stored.clear() : after.acked > before.acked && stored.delete(IDBKeyRange.upperBound(after.acked));
    await Promise.all([removed, put(transaction, batches), heads.put(after, HEAD_KEY)]);
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
  const { body } = batch;
  return typeof body === 'string' || body.length === body.buffer.byteLength ? batch : { ...batch, body: body.slice() };
}

/** Runs the work at subscription, and converts its errors to `StoreError`. */
function asStoreResult<T>(work: () => Promise<T>): Observable<T> {
  return defer(work).pipe(catchError((cause: unknown) => throwError(() => storeError(STORE, cause))));
}
