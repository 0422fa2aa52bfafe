import { AsyncSubject, catchError, concat, EMPTY, ignoreElements, of, tap, type Observable, type SchedulerLike } from 'rxjs';
import type { StoreError } from '../../errors.js';
import { asObservable } from '../../internal/maybeAsync.js';
import type { QueuedMessage, QueueLog } from './queueStore.js';
import type { QueueItem } from './waitingItems.js';

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

export type QueueWriter = ReturnType<typeof createQueueWriter>;

/**
 * Writes added and removed items to the log, one batch at a time. Changes during a write share the
 * next one.
 */
export function createQueueWriter({ log, microtask, onStored, onError }: QueueWriterOptions) {
  let added = new Set<QueueItem>();
  let removed: number[] = [];
  /** Completes when these changes are written or have failed. */
  let written$ = new AsyncSubject<unknown>();
  /** Removals that have failed: the next batch repeats them, whenever there is one. */
  let unremoved: readonly number[] = [];
  let lastPlace = 0;
  /** Also true until the log is open. */
  let isBusy = true;
  let isClosing = false;

  const writeNext = (): void => {
    isBusy = added.size + removed.length > 0;
    if (isBusy) microtask.schedule(writeBatch);
    else if (isClosing) log.close();
  };
  const writeIfIdle = (): void => {
    if (!isBusy) writeNext();
  };
  const writeBatch = (): void => {
    // All added items may be finished by now.
    if (added.size + removed.length === 0) return writeNext();
    const end$ = written$;
    for (const item of added) item.place = ++lastPlace;
    const batch$ = write([...added], removed.concat(unremoved));
    [added, removed, unremoved, written$] = [new Set(), [], [], new AsyncSubject()];
    batch$.subscribe({
      complete() {
        end$.next(undefined);
        end$.complete();
        writeNext();
      },
    });
  };
  const write = (items: readonly QueueItem[], places: readonly number[]): Observable<never> => {
    const rows = items.map(({ place, message, since }): QueuedMessage => ({ place, message, since }));
    return asObservable(() => log.write(rows, places)).pipe(
      tap(() => items.forEach(onStored)),
      catchError((error: StoreError) => {
        // One item may be impossible to store: the halves are written, so that the others are
        // stored.
        const middle = items.length >> 1;
        if (error.fault === 'failed' && middle > 0) return concat(write(items.slice(0, middle), places), write(items.slice(middle), []));
        onError(error);
        unremoved = unremoved.concat(places);
        return EMPTY;
      }),
      ignoreElements(),
    );
  };

  return {
    /** Emits the unfinished items. No write starts before that. */
    open: (): Observable<readonly QueuedMessage[]> =>
      asObservable(() => log.open()).pipe(
        tap((stored) => {
          lastPlace = stored.at(-1)?.place ?? 0;
          writeNext();
        }),
      ),
    add(item: QueueItem): void {
      added.add(item);
      writeIfIdle();
    },
    /** Emits when a restart will not repeat the item. The removal needs no subscriber. */
    remove(item: QueueItem): Observable<unknown> {
      if (added.delete(item)) return of(undefined);
      removed.push(item.place);
      const removed$ = written$;
      writeIfIdle();
      return removed$;
    },
    /** Closes the log after the last write. */
    close(): void {
      isClosing = true;
      writeIfIdle();
    },
  };
}
