import { catchError, map, of, tap, type Observable, type SchedulerLike } from 'rxjs';
import type { StoreError } from '../../errors.js';
import { asObservable } from '../../internal/maybeAsync.js';
import type { QueueItem } from './queueItem.js';
import { createPendingWrites, splitBatch, type WriteBatch } from './pendingWrites.js';
import type { QueuedMessage, QueueLog } from './queueStore.js';

/**
 * Writes added and removed items to the log, one transaction at a time. Changes during a write
 * share the next one.
 */
export interface QueueWriter {
  /** Emits the unfinished items. No write starts before that. */
  readonly open: () => Observable<readonly QueuedMessage[]>;
  readonly add: (item: QueueItem) => void;
  /**
   * Emits when a restart will not repeat the item. The removal happens without a subscriber too.
   */
  readonly remove: (item: QueueItem) => Observable<unknown>;
  /** Closes the store after the last write. */
  readonly close: () => void;
}

export interface QueueWriterOptions {
  readonly log: QueueLog;
  readonly microtask: SchedulerLike;
  /** Called when an item is durable. */
  readonly onStored: (item: QueueItem) => void;
  /**
   * Called when a write has failed: its items are in memory only, and finished items may be
   * repeated after a restart.
   */
  readonly onError: (error: StoreError) => void;
}

export function createQueueWriter(options: QueueWriterOptions): QueueWriter {
  const { log, microtask } = options;
  const pending = createPendingWrites();
  /** The parts of a batch whose write failed. */
  const splitBatches: WriteBatch[] = [];
  /** Also true until the log is open. */
  let isBusy = true;
  let isClosing = false;

  const writeNext = (): void => {
    isBusy = splitBatches.length > 0 || !pending.isEmpty();
    if (isBusy) microtask.schedule(write);
    else if (isClosing) log.close();
  };
  const writeIfIdle = (): void => {
    if (!isBusy) writeNext();
  };
  const write = (): void => {
    // All added items may be finished by now.
    if (splitBatches.length === 0 && pending.isEmpty()) return writeNext();
    const batch = splitBatches.shift() ?? pending.take();
    return void writeBatch(batch, options).subscribe((unwritten) => {
      splitBatches.unshift(...unwritten.splitBatches);
      pending.retryRemovals(unwritten.removed);
      writeNext();
    });
  };

  return {
    open: () =>
      asObservable(() => log.open()).pipe(
        tap((stored) => {
          pending.startAfter(stored.at(-1)?.place ?? 0);
          writeNext();
        }),
      ),
    add(item) {
      pending.add(item);
      writeIfIdle();
    },
    remove(item) {
      const removed$ = pending.remove(item);
      writeIfIdle();
      return removed$;
    },
    close() {
      isClosing = true;
      writeIfIdle();
    },
  };
}

/** The changes that must be written again. */
interface Unwritten {
  readonly splitBatches: readonly WriteBatch[];
  readonly removed: readonly number[];
}

const NOTHING_UNWRITTEN: Unwritten = { splitBatches: [], removed: [] };

/** Writes a batch. Emits the changes that were not written. */
function writeBatch(batch: WriteBatch, { log, onStored, onError }: QueueWriterOptions): Observable<Unwritten> {
  const { added, removed, written$ } = batch;
  const complete = (unwritten: Unwritten): Unwritten => {
    written$.next(undefined);
    written$.complete();
    return unwritten;
  };
  const rows = added.map(({ place, message, since }): QueuedMessage => ({ place, message, since }));
  return asObservable(() => log.write(rows, removed)).pipe(
    map(() => {
      added.forEach(onStored);
      return complete(NOTHING_UNWRITTEN);
    }),
    catchError((error: StoreError) => {
      // One item may be impossible to store: split the batch, so that the others are stored.
      if (error.fault === 'failed' && added.length > 1) return of({ splitBatches: splitBatch(batch), removed: [] });
      onError(error);
      return of(complete({ splitBatches: [], removed }));
    }),
  );
}
