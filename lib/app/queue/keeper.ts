import { catchError, map, of, tap, type Observable, type SchedulerLike } from 'rxjs';
import type { StoreError } from '../../errors.js';
import { asObservable } from '../../internal/later.js';
import type { Item } from './item.js';
import { createPending, halvesOf, type Batch } from './pending.js';
import type { QueuedMessage, QueueLog } from './queueStore.js';

/** Writes what comes and goes behind the back of a queue, one write at a time: what comes meanwhile shares the next. */
export interface Keeper {
  /** Emits what was not finished. Nothing is written before that is known. */
  readonly open: () => Observable<readonly QueuedMessage[]>;
  readonly keep: (item: Item) => void;
  /** Emits once the item will not come again after a restart. Works also if nobody subscribes. */
  readonly forget: (item: Item) => Observable<unknown>;
  /** Lets go of the store, when all is written. */
  readonly close: () => void;
}

export interface KeeperOptions {
  readonly log: QueueLog;
  readonly microtask: SchedulerLike;
  /** Told when an item would survive a crash. */
  readonly onStored: (item: Item) => void;
  /** Told when something could not be written: items are then in memory only, and what is finished may come again after a restart. */
  readonly onError: (error: StoreError) => void;
}

export function createKeeper(options: KeeperOptions): Keeper {
  const { log, microtask } = options;
  const pending = createPending();
  /** Of a batch that could not be written as one. */
  const parts: Batch[] = [];
  /** Also until it is open. */
  let isBusy = true;
  let isClosing = false;

  const goOn = (): void => {
    isBusy = parts.length > 0 || !pending.isEmpty();
    if (isBusy) microtask.schedule(write);
    else if (isClosing) log.close();
  };
  const goOnIfIdle = (): void => {
    if (!isBusy) goOn();
  };
  const write = (): void => {
    // What was to be added may be done by now.
    if (parts.length === 0 && pending.isEmpty()) return goOn();
    const batch = parts.shift() ?? pending.take();
    return void writing(batch, options).subscribe((unwritten) => {
      parts.unshift(...unwritten.parts);
      pending.takeBack(unwritten.removed);
      goOn();
    });
  };

  return {
    open: () =>
      asObservable(() => log.open()).pipe(
        tap((stored) => {
          pending.goOnAt(stored.at(-1)?.place ?? 0);
          goOn();
        }),
      ),
    keep(item) {
      pending.add(item);
      goOnIfIdle();
    },
    forget(item) {
      const forgotten$ = pending.remove(item);
      goOnIfIdle();
      return forgotten$;
    },
    close() {
      isClosing = true;
      goOnIfIdle();
    },
  };
}

/** What has to be tried again. */
interface Unwritten {
  readonly parts: readonly Batch[];
  readonly removed: readonly number[];
}

const NOTHING: Unwritten = { parts: [], removed: [] };

/** Writes a batch; emits once it is known what came of it. */
function writing(batch: Batch, { log, onStored, onError }: KeeperOptions): Observable<Unwritten> {
  const { added, removed, written$ } = batch;
  const settle = (unwritten: Unwritten): Unwritten => {
    written$.next(undefined);
    written$.complete();
    return unwritten;
  };
  return asObservable(() => log.write(added.map(rowOf), removed)).pipe(
    map(() => {
      added.forEach(onStored);
      return settle(NOTHING);
    }),
    catchError((error: StoreError) => {
      // One of them may be what no store can take: the others shall not suffer for it.
      if (error.fault === 'failed' && added.length > 1) return of({ parts: halvesOf(batch), removed: [] });
      onError(error);
      return of(settle({ parts: [], removed }));
    }),
  );
}

function rowOf({ place, message, since }: Item): QueuedMessage {
  return { place, message, since };
}
