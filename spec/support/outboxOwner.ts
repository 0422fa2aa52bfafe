import { noop } from 'rxjs';
import { EMPTY_OUTBOX } from '../../lib/core/storedOutgoing.js';
import { attempt, chain, type MaybeAsync } from '../../lib/message/maybeAsync.js';
import type { HelloNumber, OpenedOutbox, OutboxHead, OutboxStore, StoredBatch } from '../../lib/stores/outboxStore.js';

/** A store, and the writes of its owner: as those of a sender, each has the head of the ones before it. */
export interface OutboxOwner extends OutboxStore {
  /** Adds batches, and raises `last`. */
  add(batches: readonly StoredBatch[]): MaybeAsync<void>;
  /** Raises `acked`. */
  ack(acked: number): MaybeAsync<void>;
  /** Changes the head. */
  set(fields: Partial<OutboxHead>): MaybeAsync<void>;
  /** Changes the head, and puts batches in the place of all others. */
  replace(fields: Partial<OutboxHead>, batches: readonly StoredBatch[]): MaybeAsync<void>;
}

export function ownerOf(store: OutboxStore): OutboxOwner {
  let head: OutboxHead = EMPTY_OUTBOX;
  const write = (fields: Partial<OutboxHead>, batches: readonly StoredBatch[] = [], replaces = false): MaybeAsync<void> => {
    const before = head;
    const mine = (head = { ...head, ...fields });
    return attempt(
      () => store.write({ head: mine, batches, replaces }),
      noop,
      (error) => {
        if (head === mine) head = before;
        throw error;
      },
    );
  };
  const lastOf = (batches: readonly StoredBatch[]): number => Math.max(0, ...batches.map(({ first, count }) => first + count - 1));
  return {
    ...store,
    open: (hello?: HelloNumber) =>
      chain<OpenedOutbox, OpenedOutbox>(store.open(hello), (opened) => {
        const { pid, epoch, batches, ...found } = opened;
        head = found;
        return { pid, epoch, batches, ...found };
      }),
    add: (batches) => write({ last: Math.max(head.last, lastOf(batches)) }, batches),
    ack: (acked) => write({ acked }),
    set: (fields) => write(fields),
    replace: (fields, batches) => write({ last: Math.max(fields.acked ?? 0, lastOf(batches)), ...fields }, batches, true),
  };
}
