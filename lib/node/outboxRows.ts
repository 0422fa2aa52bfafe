import { nanoid } from 'nanoid';
import { StoreError } from '../errors.js';
import type { StoredBatch } from '../session/store/outboxStore.js';
import type { Ages } from './ages.js';
import { batchKey, decodeBatch, encodeBatch } from './batchRecord.js';
import { readValue, type BatchKey, type Databases } from './databases.js';
import { isHead, type Head } from './head.js';

/** How much is in an outbox. */
export interface Usage {
  readonly messages: number;
  /** Of frames. */
  readonly bytes: number;
}

/** What is stored of an outbox, as its new owner finds it. */
export interface Found {
  readonly head: Head;
  readonly batches: readonly StoredBatch[];
  /** How many records could not be read, and are gone. */
  readonly corrupt: number;
}

/** The records of one outbox. All of it is for the inside of a transaction. */
export interface OutboxRows {
  /** Begins a new epoch. */
  own(): Found;
  /** @throws {StoreError} `fenced`, when another has begun an epoch since. */
  headOf(epoch: number): Head;
  setHead(head: Head): void;
  put(batches: readonly StoredBatch[]): void;
  /** Deletes the batches whose last number is `acked` or lower; tells how much that was. */
  removeUpTo(acked: number): Usage;
}

export function usageOf(batches: readonly StoredBatch[]): Usage {
  return {
    messages: batches.reduce((sum, { count }) => sum + count, 0),
    bytes: batches.reduce((sum, { frame }) => sum + Buffer.byteLength(frame), 0),
  };
}

/** The highest number of batches that are in order. */
export function lastOf(batches: readonly StoredBatch[]): number {
  const batch = batches.at(-1);
  return batch ? batch.first + batch.count - 1 : 0;
}

export function createOutboxRows({ heads, batches }: Databases, name: string, ages: Ages): OutboxRows {
  const keys = (end: number): readonly BatchKey[] => [...batches.getKeys({ start: [name], end: [name, end] })];
  const remove = (some: readonly BatchKey[]): Usage => {
    for (const key of some) batches.removeSync(key);
    return { messages: sum(some, 2), bytes: sum(some, 3) };
  };
  const removeUpTo = (acked: number): Usage => remove(keys(acked + 1).filter(([, first, count]) => first + count - 1 <= acked));
  const setHead = (head: Head): void => {
    heads.putSync(name, { ...head, at: ages.touch(name, head.at) });
  };

  const readAll = (): Pick<Found, 'batches' | 'corrupt'> => {
    const records = keys(Infinity).map((key) => ({ key, batch: decodeBatch(key, batches.get(key) ?? Buffer.alloc(0)) }));
    const corrupt = records.filter(({ batch }) => !batch).map(({ key }) => key);
    remove(corrupt);
    return { batches: records.flatMap(({ batch }) => batch ?? []), corrupt: corrupt.length };
  };
  return {
    removeUpTo,
    setHead,
    put: (some) => some.forEach((batch) => batches.putSync(batchKey(name, batch), encodeBatch(batch))),
    headOf(epoch) {
      const head = readValue(heads, name);
      if (!isHead(head) || head.epoch !== epoch) throw new StoreError('lmdb', 'fenced');
      return head;
    },
    own() {
      const before = readValue(heads, name);
      if (isHead(before)) {
        const head = { ...before, epoch: before.epoch + 1 };
        setHead(head);
        return { head, ...readAll() };
      }
      // Without its pid, nobody knows what the numbers of the batches mean.
      removeUpTo(Infinity);
      const head = { pid: nanoid(22), epoch: 1, acked: 0, last: 0 };
      const at = ages.touch(name, undefined);
      heads.putSync(name, { ...head, at });
      return { head: { ...head, at }, batches: [], corrupt: before === undefined ? 0 : 1 };
    },
  };
}

function sum(keys: readonly BatchKey[], index: 2 | 3): number {
  return keys.reduce((total, key) => total + key[index], 0);
}
