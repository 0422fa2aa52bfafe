import { catchError, defer, Subject, throwError, type Observable } from 'rxjs';
import { StoreError, type StoreFault } from '../errors.js';
import { assertPositive } from '../internal/assert.js';
import { durable } from '../session/durability.js';
import { exclusive, type ExclusiveOptions } from '../session/store/exclusive.js';
import type { OutboxContents, OutboxStore, StoredBatch } from '../session/store/outboxStore.js';
import { faultOf, keyOf, recordOf, storeError, takeOver, type Head } from '../session/store/records.js';
import { createDatabase, HEAD_KEY, type Database, type Transaction } from './database.js';

export interface IndexedDbOutboxOptions extends ExclusiveOptions {
  /** Messages it takes. @default 10_000 */
  readonly maxMessages?: number;
  /** Bytes of frames it takes. @default 16_777_216: 16 MiB */
  readonly maxBytes?: number;
}

const STORE = 'indexeddb';

/**
 * An outbox in IndexedDB, in a database of its own, `rxwire:<name>`: what it has stored outlives the page, the browser and a loss of power. One
 * tab at a time owns it, as with `exclusive`. Each call is one transaction.
 *
 * When the browser takes the database away (storage was cleared, or room was needed), `faults$` tells `evicted`, and it goes on as the same
 * sender with a new database. `navigator.storage.persist()` asks the browser not to.
 *
 * Where there is no IndexedDB, or a newer version has been there, `open` delivers a `StoreError`, `failed`.
 *
 * @param name One for each sender of this site.
 * @throws {RangeError} At call time, if a limit is not positive.
 * @example
 * const store = indexedDbOutbox('orders', { maxMessages: 50_000 });
 */
export function indexedDbOutbox(name: string, options: IndexedDbOutboxOptions = {}): OutboxStore {
  const { maxMessages = 10_000, maxBytes = 16_777_216 } = options;
  assertPositive('indexedDbOutbox', { maxMessages, maxBytes });
  return exclusive({ ...databaseStore(`rxwire:${name}`), maxMessages, maxBytes }, `indexeddb:${name}`, options);
}

/** What an owner knows. */
interface Tenure {
  readonly database: Database;
  head: Head;
}

type Tell = (fault: StoreFault) => void;
type Change = (head: Head) => Head;
type More = (transaction: Transaction) => Promise<unknown>;

function databaseStore(name: string): Omit<OutboxStore, 'maxMessages' | 'maxBytes'> {
  const faults$ = new Subject<StoreError>();
  let database: Database | undefined;
  let tenure: Tenure | undefined;

  const tell: Tell = (fault) => faults$.next(new StoreError(STORE, fault));
  const write = (change: Change = same, more: More = nothing): Observable<void> => delivered(() => writeAs(tenure, tell, change, more));
  /** What was taken away is made anew at once: its owner should know what is lost before it is needed. */
  const restore = (): void => {
    if (tenure) write().subscribe({ error: (error: StoreError) => error.fault !== 'fenced' && faults$.next(error) });
  };
  const close = (): void => {
    database?.close();
    database = tenure = undefined;
  };
  const open = async (): Promise<OutboxContents> => {
    close();
    const mine = (database = createDatabase(name, ['head', 'batches'], restore));
    const { head, contents, corrupt } = await mine.transact(begin);
    // It may have been closed meanwhile.
    if (mine === database) tenure = { database: mine, head };
    for (let told = 0; told < corrupt; told++) tell('corrupt');
    return contents;
  };

  return {
    isDurable: true,
    durability: durable,
    faults$,
    open: () => delivered(open),
    append: (batches) => write(same, (transaction) => put(transaction, batches)),
    trim: (acked) =>
      write(
        (head) => (acked > head.acked ? { ...head, acked } : head),
        (transaction) => transaction.objectStore('batches').delete(IDBKeyRange.upperBound(acked)),
      ),
    replace: (acked, batches) =>
      write(
        (head) => ({ ...head, acked }),
        (transaction) => Promise.all([transaction.objectStore('batches').clear(), put(transaction, batches)]),
      ),
    remember: (ticket) => write((head) => ({ ...head, ticket })),
    close,
  };
}

/** Changes the head, and does more, as the owner: unless there is a newer one, and also when all was cleared. */
async function writeAs(tenure: Tenure | undefined, tell: Tell, change: Change, more: More): Promise<void> {
  if (!tenure) throw new Error('It is not open.');
  let fault: StoreFault | undefined;
  tenure.head = await tenure.database.transact(async (transaction) => {
    const heads = transaction.objectStore('head');
    const found = await heads.get(HEAD_KEY);
    // Not before: only now those that came before have ended, and have said what they changed.
    const before = tenure.head;
    fault = faultOf(found, before);
    if (fault === 'fenced') {
      tell(fault);
      throw new StoreError(STORE, fault);
    }
    const after = change(before);
    await Promise.all([fault || after !== before ? heads.put(after, HEAD_KEY) : undefined, more(transaction)]);
    return after;
  });
  if (fault) tell(fault);
}

/** Finds what is there, and makes it that of a new owner. */
async function begin(transaction: Transaction): Promise<ReturnType<typeof takeOver>> {
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

/** A part of a larger buffer would be stored with all of that buffer. */
function compact(batch: StoredBatch): StoredBatch {
  const { frame } = batch;
  return typeof frame === 'string' || frame.length === frame.buffer.byteLength ? batch : { ...batch, frame: frame.slice() };
}

/** Works once it is subscribed to; what goes wrong is an error of this store. */
function delivered<T>(work: () => Promise<T>): Observable<T> {
  return defer(work).pipe(catchError((cause: unknown) => throwError(() => storeError(STORE, cause))));
}

const same = (head: Head): Head => head;
const nothing = (): Promise<void> => Promise.resolve();
