import { AsyncSubject, catchError, concat, EMPTY, ignoreElements, type Observable, of, type SchedulerLike, Subject, tap } from 'rxjs';
import type { DropReason, StoreError } from '../../message/errors.js';
import { asObservable } from '../../message/maybeAsync.js';
import { wallTime } from '../../message/steadyScheduler.js';
import type { Message } from '../../message/types.js';
import type { Job } from '../consume/consumeOne.js';
import { claim } from '../../wire/session/messageClaim.js';
import type { Rejection } from '../../core/rejection.js';
import { storeErrorOf } from '../../stores/storeErrors.js';
import type { QueueDrop } from './queueOptions.js';
import type { QueuedMessage, QueueLog, QueueStore } from './queueStore.js';
import { createWaitingItems, type QueueItem, type WaitingItems, type WaitingItemsOptions } from './waitingItems.js';

interface QueueCoreOptions<T extends Message> extends Omit<WaitingItemsOptions<T>, 'owner' | 'onDrop' | 'onError'> {
  readonly name: string;
  readonly store: QueueStore | undefined;
  readonly microtask: SchedulerLike;
}

interface Streams<T extends Message> {
  readonly drops$: Subject<QueueDrop<T>>;
  readonly errors$: Subject<unknown>;
  /** Emits when the number of waiting items has changed. */
  readonly changes$: Subject<void>;
  /** Emits when a processor may find an item. Ends with the queue. */
  readonly wake$: Subject<void>;
}

interface QueueState<T extends Message> extends Streams<T> {
  readonly waiting: WaitingItems<T>;
  /** Undefined without a store: the sessions that have delivered the items wait for their acks. */
  readonly writer: QueueWriter | undefined;
  status: 'new' | 'opening' | 'open' | 'closed';
  hasFailed: boolean;
  /** A new item while idle processors may take it: then it needs no place in the waiting list. */
  offered: QueueItem<T> | undefined;
  /** The ids of the restored messages: without an ack, their sessions deliver them again. */
  readonly restored: Set<string>;
  /** The number of items that are handed out, neither finished nor put back. */
  running: number;
}

export type QueueCore<T extends Message> = ReturnType<typeof createQueueCore<T>>;

/** Creates a queue without its processors: it adds, holds and hands out items. */
export function createQueueCore<T extends Message>({ name, store, microtask, ...rest }: QueueCoreOptions<T>) {
  const streams: Streams<T> = { drops$: new Subject(), errors$: new Subject(), changes$: new Subject(), wake$: new Subject() };
  const onError = (error: unknown): void => streams.errors$.next(error);
  const onFault = (error: StoreError): void => (error.fault === 'fenced' ? fail(state, error) : onError(error));
  const log = store?.queue(name);
  const writer = log && createQueueWriter(log, microtask, onFault);
  const onDrop = (item: QueueItem<T>, reason: DropReason): void => {
    // A closed queue did not process the item: it stays in the store, or unacked. A queue that has
    // failed refuses it: an unacked item would stop the sender.
    if (reason !== 'closed' || state.hasFailed) endDelivery(item, DROPPED[reason]);
    if (reason !== 'closed') writer?.remove(item);
    if (reason !== 'closed' || !writer) streams.drops$.next({ message: item.message, reason });
  };
  const waiting = createWaitingItems<T>({ ...rest, owner: `queue ${name}`, onDrop, onError });
  const state: QueueState<T> = {
    ...streams,
    waiting,
    writer,
    status: 'new',
    hasFailed: false,
    offered: undefined,
    restored: new Set(),
    running: 0,
  };

  return {
    ...streams,
    ...createOperations(state, () => wallTime(rest.scheduler)),
    depth: waiting.size,
    isOpen: (): boolean => state.status !== 'closed',
    /** Returns an item, and the claim that its outcome ends. */
    jobOf: (item: QueueItem<T>): Job<T> => (writer ? { message: item.message, held: undefined } : item),
    open(): void {
      if (state.status !== 'new') return;
      state.status = 'opening';
      log?.faults$?.subscribe({ next: onFault, error: onError });
      const stored$ = writer?.open() ?? of([]);
      stored$.subscribe({ next: (stored) => begin(state, stored), error: (error) => fail(state, error) });
    },
    close(): void {
      if (state.status === 'closed') return;
      end(state);
      streams.wake$.complete();
    },
  };
}

const DROPPED: Readonly<Partial<Record<DropReason, Rejection>>> = {
  closed: { kind: 'refused', code: 'ERR_DROPPED', reason: 'the queue is closed' },
  overflow: { kind: 'refused', code: 'ERR_DROPPED', reason: 'the queue was full' },
  expired: { kind: 'refused', code: 'ERR_DROPPED', reason: 'the message waited in the queue for too long' },
};

/** Ends the delivery of an item: the session acks the message, or reports the rejection. */
function endDelivery(item: QueueItem, rejection?: Rejection): void {
  const { held } = item;
  item.held = undefined;
  held?.end({ rejection });
}

function createOperations<T extends Message>(state: QueueState<T>, now: () => number) {
  const { waiting, writer, drops$, changes$ } = state;
  return {
    add(message: T): void {
      if (state.status === 'closed') {
        claim(message)?.end({ rejection: DROPPED.closed });
        drops$.next({ message, reason: 'closed' });
        return;
      }
      const since = now();
      const item = { message, since, start: waiting.startOf(message, since, since), held: claim(message), place: NaN };
      writer?.add(item);
      if (!isNew(state, item) || waiting.dropIfOld(item) || offerToProcessors(state, item)) return;
      failOnThrow(state, () => waiting.push(item));
      notify(state);
    },
    take(): QueueItem<T> | undefined {
      if (state.status !== 'open') return undefined;
      const { offered } = state;
      state.offered = undefined;
      const item = offered ?? waiting.shift();
      if (item) state.running++;
      if (item !== offered) changes$.next();
      return item;
    },
    /** Finishes an item. Emits when a restart will not repeat it; undefined if it is so now. */
    finish(item: QueueItem<T>): Observable<unknown> | undefined {
      const finished$ = removeStored(state, item);
      changeRunning(state, -1);
      return finished$;
    },
    /** Returns unfinished items to the front. */
    putBack(items: Iterable<QueueItem<T>>): void {
      for (const item of items) {
        waiting.unshift(item);
        changeRunning(state, -1);
      }
      if (state.status === 'closed') waiting.close();
      notify(state);
    },
  };
}

function begin<T extends Message>(state: QueueState<T>, stored: readonly QueuedMessage[]): void {
  if (state.status === 'closed') return;
  state.status = 'open';
  for (const { message } of stored) state.restored.add(message.id);
  const items = stored.map((row) => ({
    ...row,
    start: state.waiting.startOf(row.message, row.since),
    message: row.message as T,
    held: undefined,
  }));
  failOnThrow(state, () => state.waiting.open(items, (item) => isNew(state, item)));
  notify(state);
}

/** With the overflow policy `error`, a full queue ends. */
function failOnThrow<T extends Message>(state: QueueState<T>, enter: () => void): void {
  try {
    enter();
  } catch (error) {
    fail(state, error);
  }
}

/** Returns false for a message that is stored, and that its session delivers again. */
function isNew<T extends Message>(state: QueueState<T>, item: QueueItem<T>): boolean {
  if (!item.held || !state.restored.delete(item.message.id)) return true;
  removeStored(state, item);
  return false;
}

/** Removes an item from the store, and ends its delivery if the store does not have it yet. */
function removeStored<T extends Message>({ writer }: QueueState<T>, item: QueueItem<T>): Observable<unknown> | undefined {
  if (writer) endDelivery(item);
  return writer?.remove(item);
}

/** Offers an item to the processors. Returns whether one has taken it. */
function offerToProcessors<T extends Message>(state: QueueState<T>, item: QueueItem<T>): boolean {
  if (state.waiting.size() > 0) return false;
  state.offered = item;
  state.wake$.next();
  const isTaken = state.offered !== item;
  state.offered = undefined;
  return isTaken;
}

function notify<T extends Message>({ changes$, wake$ }: Streams<T>): void {
  changes$.next();
  wake$.next();
}

function changeRunning<T extends Message>(state: QueueState<T>, change: 0 | -1): void {
  state.running += change;
  if (state.status === 'closed' && state.running === 0) state.writer?.close();
}

function end<T extends Message>(state: QueueState<T>): void {
  state.status = 'closed';
  state.waiting.close();
  state.changes$.complete();
  changeRunning(state, 0);
}

function fail<T extends Message>(state: QueueState<T>, error: unknown): void {
  if (state.status === 'closed') return;
  state.hasFailed = true;
  end(state);
  state.errors$.next(error);
  state.wake$.error(error);
}

type QueueWriter = ReturnType<typeof createQueueWriter>;

/**
 * Writes added and removed items in batches: changes during a write share the next.
 * @param onError Called when a write has failed: its items are in memory only, and finished items
 *   may be repeated after a restart.
 */
function createQueueWriter(log: QueueLog, microtask: SchedulerLike, onError: (error: StoreError) => void) {
  let added = new Set<QueueItem>();
  let removed: number[] = [];
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
      tap(() => items.forEach((item) => endDelivery(item))),
      catchError((reason: unknown) => {
        const error = storeErrorOf('queue', reason);
        // One item may be impossible to store: the halves are written, to store the others.
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
