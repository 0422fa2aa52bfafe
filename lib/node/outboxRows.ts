import { StoreError, type StoreFault } from '../errors.js';
import { isEarlier } from '../session/store/isEarlier.js';
import type { HelloNumber, StoredBatch } from '../session/store/outboxStore.js';
import { newHead, type StoredHead } from '../session/store/storedHead.js';
import type { LastUsedIndex } from './lastUsedIndex.js';
import { batchKey, decodeBatch, encodeBatch } from './batchRecord.js';
import { readValue, type BatchKey, type Databases } from './lmdbDatabases.js';
import { readOutboxHead, type LmdbOutboxHead } from './outboxHead.js';

/** The usage of an outbox. */
export interface Usage {
  readonly messages: number;
  /** The size of all bodies. */
  readonly bytes: number;
}

/** The stored state of an outbox that its new owner reads. */
export interface StoredOutbox {
  readonly head: StoredHead;
  readonly batches: readonly StoredBatch[];
  /** The number of unreadable records, which were removed. */
  readonly corrupt: number;
}

/** The records of one outbox. All methods must be called inside a transaction. */
export interface OutboxRows {
  /** Starts a new epoch. @throws {StoreError} `fenced`, if the owner has answered a later hello. */
  takeOwnership(hello: HelloNumber | undefined): StoredOutbox;
  /**
   * Returns the head. Stores it again as the owner knows it if it was lost (`evicted`) or cannot be
   * read: only a newer epoch, or another sender, is a newer owner.
   *
   * @throws {StoreError} `fenced`, if there is a newer owner.
   */
  readHead(): { readonly head: LmdbOutboxHead; readonly fault?: StoreFault };
  setHead(head: LmdbOutboxHead): void;
  put(batches: readonly StoredBatch[]): void;
  /** Deletes the batches whose last number is `acked` or lower, and returns their usage. */
  removeUpTo(acked: number): Usage;
}

export function usageOf(batches: readonly StoredBatch[]): Usage {
  return {
    messages: batches.reduce((sum, { count, body }) => sum + (body.length > 0 ? count : 0), 0),
    bytes: batches.reduce((sum, { body }) => sum + Buffer.byteLength(body), 0),
  };
}

export function createOutboxRows({ heads, batches }: Databases, name: string, lastUsed: LastUsedIndex): OutboxRows {
  const keys = (end: number): readonly BatchKey[] => [...batches.getKeys({ start: [name], end: [name, end] })];
  const remove = (some: readonly BatchKey[]): Usage => {
    for (const key of some) batches.removeSync(key);
    return {
      messages: some.reduce((sum, [, , count, size]) => sum + (size > 0 ? count : 0), 0),
      bytes: some.reduce((sum, [, , , size]) => sum + size, 0),
    };
  };
  const removeUpTo = (acked: number): Usage => remove(keys(acked + 1).filter(([, first, count]) => first + count - 1 <= acked));
  /** The head as the owner knows it. */
  let latest: LmdbOutboxHead = { ...newHead(), at: 0 };
  const storeHead = (head: StoredHead, before: number | undefined): void => {
    latest = { ...head, at: lastUsed.touch(name, before) };
    heads.putSync(name, latest);
  };
  const setHead = (head: LmdbOutboxHead): void => storeHead(head, head.at);
  const addHead = (head: StoredHead): void => storeHead(head, undefined);

  const readAll = (): Pick<StoredOutbox, 'batches' | 'corrupt'> => {
    const records = keys(Infinity).map((key) => ({ key, batch: decodeBatch(key, batches.get(key) ?? Buffer.alloc(0)) }));
    const corrupt = records.filter(({ batch }) => !batch).map(({ key }) => key);
    remove(corrupt);
    return { batches: records.flatMap(({ batch }) => batch ?? []), corrupt: corrupt.length };
  };
  return {
    removeUpTo,
    setHead,
    put: (some) => some.forEach((batch) => batches.putSync(batchKey(name, batch), encodeBatch(batch))),
    readHead() {
      const found = readValue(heads, name);
      const head = readOutboxHead(found);
      if (head) {
        if (head.epoch !== latest.epoch || head.pid !== latest.pid) throw new StoreError('lmdb', 'fenced');
        return { head };
      }
      if (found === undefined) removeUpTo(Infinity);
      addHead(latest);
      return { head: latest, fault: found === undefined ? 'evicted' : 'corrupt' };
    },
    takeOwnership(hello) {
      const found = readValue(heads, name);
      const before = readOutboxHead(found);
      if (before) {
        if (hello && before.hello && isEarlier(hello, before.hello)) throw new StoreError('lmdb', 'fenced');
        setHead({ ...before, epoch: before.epoch + 1, hello: hello ?? before.hello });
        return { head: latest, ...readAll() };
      }
      // Without the pid, the numbers of the batches have no meaning.
      removeUpTo(Infinity);
      addHead({ ...newHead(), hello });
      return { head: latest, batches: [], corrupt: found === undefined ? 0 : 1 };
    },
  };
}
