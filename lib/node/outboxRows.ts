import { nanoid } from 'nanoid';
import { StoreError, type StoreFault } from '../errors.js';
import { isEarlier } from '../session/store/isEarlier.js';
import { isSkip } from '../session/store/isSkip.js';
import type { HelloNumber, StoredBatch } from '../session/store/outboxStore.js';
import type { LastUsedIndex } from './lastUsedIndex.js';
import { batchKey, decodeBatch, encodeBatch } from './batchRecord.js';
import { readValue, type BatchKey, type Databases } from './lmdbDatabases.js';
import { isOutboxHead, type OutboxHead } from './outboxHead.js';

/** The usage of an outbox. */
export interface Usage {
  readonly messages: number;
  /** The size of all frames. */
  readonly bytes: number;
}

/** The stored state of an outbox that its new owner reads. */
export interface StoredOutbox {
  readonly head: OutboxHead;
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
  readHead(): { readonly head: OutboxHead; readonly fault?: StoreFault };
  setHead(head: OutboxHead): void;
  put(batches: readonly StoredBatch[]): void;
  /** Deletes the batches whose last number is `acked` or lower, and returns their usage. */
  removeUpTo(acked: number): Usage;
}

export function usageOf(batches: readonly StoredBatch[]): Usage {
  return {
    messages: batches.reduce((sum, batch) => sum + (isSkip(batch) ? 0 : batch.count), 0),
    bytes: batches.reduce((sum, { frame }) => sum + Buffer.byteLength(frame), 0),
  };
}

/** Returns the highest number of ordered batches. */
export function lastOf(batches: readonly StoredBatch[]): number {
  const batch = batches.at(-1);
  return batch ? batch.first + batch.count - 1 : 0;
}

export function createOutboxRows({ heads, batches }: Databases, name: string, lastUsed: LastUsedIndex): OutboxRows {
  const keys = (end: number): readonly BatchKey[] => [...batches.getKeys({ start: [name], end: [name, end] })];
  const remove = (some: readonly BatchKey[]): Usage => {
    for (const key of some) batches.removeSync(key);
    return {
      messages: some.reduce((sum, [, , count, size]) => sum + (size < 0 ? 0 : count), 0),
      bytes: some.reduce((sum, [, , , size]) => sum + Math.abs(size), 0),
    };
  };
  const removeUpTo = (acked: number): Usage => remove(keys(acked + 1).filter(([, first, count]) => first + count - 1 <= acked));
  /** The head as the owner knows it. */
  let latest: OutboxHead = { pid: '', epoch: 0, acked: 0, last: 0, sent: 0, at: 0 };
  const storeHead = (head: Omit<OutboxHead, 'at'>, before: number | undefined): void => {
    latest = { ...head, at: lastUsed.touch(name, before) };
    heads.putSync(name, latest);
  };
  const setHead = (head: OutboxHead): void => storeHead(head, head.at);
  const addHead = (head: Omit<OutboxHead, 'at'>): void => storeHead(head, undefined);

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
      const head = readValue(heads, name);
      if (isOutboxHead(head)) {
        if (head.epoch !== latest.epoch || head.pid !== latest.pid) throw new StoreError('lmdb', 'fenced');
        return { head };
      }
      if (head === undefined) removeUpTo(Infinity);
      addHead(latest);
      return { head: latest, fault: head === undefined ? 'evicted' : 'corrupt' };
    },
    takeOwnership(hello) {
      const before = readValue(heads, name);
      if (isOutboxHead(before)) {
        if (hello && before.hello && isEarlier(hello, before.hello)) throw new StoreError('lmdb', 'fenced');
        setHead({ ...before, epoch: before.epoch + 1, ...(hello && { hello }) });
        return { head: latest, ...readAll() };
      }
      // Without the pid, the numbers of the batches have no meaning.
      removeUpTo(Infinity);
      addHead({ pid: nanoid(22), epoch: 1, acked: 0, last: 0, sent: 0, ...(hello && { hello }) });
      return { head: latest, batches: [], corrupt: before === undefined ? 0 : 1 };
    },
  };
}
