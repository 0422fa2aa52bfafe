import { AsyncSubject, of, type Observable } from 'rxjs';
import type { QueueItem } from './queueItem.js';

/** The changes of one transaction. */
export interface WriteBatch {
  readonly added: readonly QueueItem[];
  readonly removed: readonly number[];
  /** Completes when the batch is written or has failed. */
  readonly written$: AsyncSubject<unknown>;
}

/** Collects the changes for the next transaction. */
export interface PendingWrites {
  readonly isEmpty: () => boolean;
  add(item: QueueItem): void;
  /** Emits when the removal is written; at once, if the item itself was not written yet. */
  remove(item: QueueItem): Observable<unknown>;
  /** Removes and returns all changes, and assigns the places of the items. */
  take(): WriteBatch;
  /** Repeats failed removals with the next batch, whenever there is one. */
  retryRemovals(removed: readonly number[]): void;
  /** Sets the last place in use. */
  startAfter(place: number): void;
}

export function createPendingWrites(): PendingWrites {
  let added = new Set<QueueItem>();
  let removed: number[] = [];
  let written$ = new AsyncSubject<unknown>();
  let failedRemovals: readonly number[] = [];
  let last = 0;

  return {
    isEmpty: () => added.size + removed.length === 0,
    add: (item) => void added.add(item),
    remove(item) {
      if (added.delete(item)) return of(undefined);
      removed.push(item.place);
      return written$;
    },
    take() {
      for (const item of added) item.place = ++last;
      const batch = { added: [...added], removed: removed.concat(failedRemovals), written$ };
      [added, removed, failedRemovals, written$] = [new Set(), [], [], new AsyncSubject()];
      return batch;
    },
    retryRemovals: (failed) => void (failedRemovals = failedRemovals.concat(failed)),
    startAfter: (place) => void (last = place),
  };
}

/** Splits a batch into two with the same effect. */
export function splitBatch({ added, removed, written$ }: WriteBatch): readonly WriteBatch[] {
  const middle = added.length >> 1;
  return [
    { added: added.slice(0, middle), removed, written$: new AsyncSubject() },
    { added: added.slice(middle), removed: [], written$ },
  ];
}
