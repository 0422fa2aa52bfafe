import { noop, Subject, Subscription } from 'rxjs';
import { StoreError, type StoreFault } from '../../message/errors.js';
import { asObservable, attempt, chain, converted, delivered, type MaybeAsync } from '../../message/maybeAsync.js';
import { durable } from '../../wire/session/clientStores.js';
import { newHead } from '../memoryOutbox.js';
import { isEarlier, isHelloNumber } from '../helloNumber.js';
import type { HelloNumber, OpenedOutbox, OutboxHead, OutboxStore, OutboxWrite, SessionTicket, StoredBatch } from '../outboxStore.js';
import { ALL_KEYS, HEAD_ONLY, isNumber, type LogEntry, type Store, type StoreTransaction } from '../store.js';

export interface StoredOutboxOptions {
  readonly name: string;
  readonly log: string;
  readonly maxMessages: number;
  readonly maxBytes: number;
  /** Opens the store. The outbox closes it. */
  readonly openStore: () => Store;
}

interface Ownership {
  readonly store: Store;
  readonly lost: Subscription;
  /** The latest stored head. @default the outbox is not open yet */
  head?: StoredHead;
}

/**
 * An outbox in a store. Its log has the head of the outbox, and the batches by the numbers of their
 * last messages. The latest owner fences the others.
 */
export function storedOutbox({ name, log, maxMessages, maxBytes, openStore }: StoredOutboxOptions): OutboxStore {
  const faults$ = new Subject<StoreError>();
  let current: Ownership | undefined;

  const report = (fault: StoreFault): void => faults$.next(new StoreError(name, fault));
  const close = (): void => {
    current?.lost.unsubscribe();
    current?.store.release?.(current);
    current?.store.close();
    current = undefined;
  };
  const open = (hello?: HelloNumber): MaybeAsync<OpenedOutbox> => {
    close();
    const store = openStore();
    const mine: Ownership = (current = { store, lost: new Subscription() });
    store.use?.(mine, log);
    return converted(
      store.transact(log, (transaction) => takeOver(name, transaction, log, hello)),
      ({ head, batches, corrupt }) => {
        mine.head = head;
        mine.lost.add(store.lost$?.subscribe(restore));
        for (let reported = 0; reported < corrupt; reported++) report('corrupt');
        return openedOf(head, batches);
      },
    );
  };
  const write = (change?: OutboxWrite): MaybeAsync<void> => {
    const mine = current;
    const before = mine?.head;
    if (!mine || !before) throw new StoreError(name, 'failed', new Error('the outbox is not open'));
    let fault: StoreFault | undefined;
    const work = (transaction: StoreTransaction): MaybeAsync<StoredHead> =>
      chain(transaction.read(log, HEAD_ONLY), ({ head: found }) => {
        fault = faultOf(found, before);
        if (fault === 'fenced') throw new StoreError(name, fault);
        const { head, batches, replaces } = change ?? { head: mine.head ?? before, batches: [], replaces: false };
        const after = { ...head, pid: before.pid, epoch: before.epoch, hello: before.hello };
        const isAcked = head.acked > (readHead(found)?.acked ?? 0);
        const put = batches.map(({ first, count, level, body }) => ({ key: first + count - 1, value: { first, level, body } }));
        const drop = replaces || fault === 'evicted' ? [ALL_KEYS] : isAcked ? [[0, head.acked] as const] : [];
        return chain(transaction.change(log, { head: after, put, drop }), () => after);
      });
    return attempt(
      () => mine.store.transact(log, work),
      (head) => {
        mine.head = head;
        // Reported last: a subscriber may store the lost batches again at once.
        if (fault) report(fault);
      },
      (error) => {
        if (fault) report(fault);
        throw error;
      },
    );
  };
  /** Stores the head again, so that the loss is reported before the next write of the owner. */
  const restore = (): void => {
    const failed = (error: StoreError): void => {
      if (error.fault !== 'fenced') faults$.next(error);
    };
    asObservable(() => write()).subscribe({ next: noop, error: failed });
  };

  return {
    isDurable: true,
    durability: durable,
    maxMessages,
    maxBytes,
    faults$,
    open: (hello) => delivered(() => open(hello)),
    write: (change) => delivered(() => write(change)),
    close,
  };
}

interface Takeover {
  readonly head: StoredHead;
  readonly batches: readonly StoredBatch[];
  /** The number of unreadable records, which were removed. */
  readonly corrupt: number;
}

/**
 * Reads the stored state, and starts a new epoch.
 *
 * @throws {StoreError} `fenced`, if the owner has answered a later hello.
 */
function takeOver(name: string, transaction: StoreTransaction, log: string, hello: HelloNumber | undefined): MaybeAsync<Takeover> {
  return chain(transaction.read(log), ({ head: found, entries }) => {
    const before = readHead(found);
    if (hello && before?.hello && isEarlier(hello, before.hello)) throw new StoreError(name, 'fenced');
    if (!before) {
      // Without the pid, the numbers of the batches have no meaning.
      const head = { ...newHead(), hello };
      const isReset = found !== undefined || entries.length > 0;
      return chain(transaction.change(log, { head, drop: isReset ? [ALL_KEYS] : [] }), () => ({
        head,
        batches: [],
        corrupt: isReset ? 1 : 0,
      }));
    }
    const head = { ...before, epoch: before.epoch + 1, hello: hello ?? before.hello };
    const { batches, corrupt } = readBatches(entries.filter(({ key }) => key > before.acked));
    const drop = corrupt.map((key) => [key, key] as const);
    return chain(transaction.change(log, { head, drop }), () => ({ head, batches, corrupt: corrupt.length }));
  });
}

/** Compares the stored head with that of the owner. Returns the fault, if there is one. */
function faultOf(found: unknown, { pid, epoch }: StoredHead): 'fenced' | 'evicted' | 'corrupt' | undefined {
  const head = readHead(found);
  if (!head) return found === undefined ? 'evicted' : 'corrupt';
  if (head.pid !== pid || head.epoch > epoch) return 'fenced';
  // An older owner has created the head again, after the storage was cleared.
  return head.epoch < epoch ? 'evicted' : undefined;
}

function readBatches(entries: readonly LogEntry[]): { readonly batches: readonly StoredBatch[]; readonly corrupt: readonly number[] } {
  const batches: StoredBatch[] = [];
  const corrupt: number[] = [];
  let before = 0;
  for (const { key: last, value } of entries) {
    const { first, level, body } = Object(value) as Partial<Record<keyof StoredBatch, unknown>>;
    const isBody = typeof body === 'string' || body instanceof Uint8Array;
    if (!isNumber(first) || first <= before || first > last || !isBody || !isLevel(level)) {
      corrupt.push(last);
      continue;
    }
    batches.push({ first, count: last - first + 1, body, level });
    before = last;
  }
  return { batches, corrupt };
}

const isLevel = (value: unknown): value is StoredBatch['level'] => value === 'at-least-once' || value === 'exactly-once';

/** The head of an outbox with its owner. */
interface StoredHead extends OutboxHead, Pick<OpenedOutbox, 'pid' | 'epoch'> {
  /** On a server: the latest hello that the owner has answered when it opened the outbox. */
  readonly hello?: HelloNumber | undefined;
}

function openedOf(
  { pid, epoch, acked, last, mark, skips, isPaused, codec, ticket }: StoredHead,
  batches: readonly StoredBatch[],
): OpenedOutbox {
  return { pid, epoch, acked, last, mark, skips, isPaused, codec, ticket, batches };
}

/**
 * Returns the head that a stored value is; `undefined` if it is none. A corrupt ticket is left out:
 * without a ticket, the client begins a new session.
 */
function readHead(value: unknown): StoredHead | undefined {
  const { pid, epoch, acked, last, mark, skips, isPaused, codec, ticket, hello } = Object(value) as Partial<
    Record<keyof StoredHead, unknown>
  >;
  const isOwned = typeof pid === 'string' && pid !== '' && isNumber(epoch) && (hello === undefined || isHelloNumber(hello));
  const isRead = isNumber(acked) && isNumber(last) && isNumber(mark) && typeof isPaused === 'boolean' && typeof codec === 'string';
  if (!isOwned || !isRead || !Array.isArray(skips) || !skips.every(isNumber)) return undefined;
  return { pid, epoch, hello, acked, last, mark, skips, isPaused, codec, ticket: isTicket(ticket) ? ticket : undefined };
}

function isTicket(value: unknown): value is SessionTicket {
  const { sid, rt, former } = Object(value) as Partial<Record<keyof SessionTicket, unknown>>;
  return typeof sid === 'string' && typeof rt === 'string' && Array.isArray(former) && former.every((one) => typeof one === 'string');
}
