import { Subject, type Observable, type SchedulerLike } from 'rxjs';
import type { DropReason, StoreError } from '../../errors.js';
import { wallTime } from '../../internal/steadyScheduler.js';
import type { Message } from '../../message/types.js';
import { claim } from '../../session/receive/delivery.js';
import type { Job } from '../../session/consume/consumeOne.js';
import { withoutStore, withStore, type Persistence } from './persistence.js';
import type { QueueItem } from './queueItem.js';
import { createWaitingItems, type WaitingItems, type WaitingItemsOptions } from './waitingItems.js';
import type { QueueDrop } from './queueOptions.js';
import type { QueuedMessage, QueueStore } from './queueStore.js';

export interface QueueCoreOptions<T extends Message> extends Omit<WaitingItemsOptions<T>, 'owner' | 'onDrop' | 'onError'> {
  readonly name: string;
  readonly store: QueueStore | undefined;
  readonly microtask: SchedulerLike;
}

/** The state of a queue without its processors: adds, holds and hands out items. */
export interface QueueCore<T extends Message> extends Streams<T> {
  readonly depth: () => number;
  /** Loads the stored items, once. */
  readonly open: () => void;
  readonly add: (message: T) => void;
  readonly take: () => QueueItem<T> | undefined;
  /** Returns an item and the callback that settles it with its session. */
  readonly jobOf: (item: QueueItem<T>) => Job<T>;
  /** Finishes an item. Emits when a restart will not repeat it; undefined if that is so at once. */
  readonly finish: (item: QueueItem<T>) => Observable<unknown> | undefined;
  /** Returns unfinished items to the front. */
  readonly putBack: (items: Iterable<QueueItem<T>>) => void;
  readonly close: () => void;
}

interface Streams<T extends Message> {
  readonly drops$: Subject<QueueDrop<T>>;
  readonly errors$: Subject<unknown>;
  /** Emits when the number of waiting items has changed. */
  readonly changes$: Subject<void>;
  /** Emits when a processor may find an item. Ends with the queue. */
  readonly wake$: Subject<void>;
}

/** The shared state of the functions below. */
interface QueueState<T extends Message> extends Streams<T> {
  readonly waiting: WaitingItems<T>;
  readonly persistence: Persistence;
  status: 'new' | 'opening' | 'open' | 'closed';
  /**
   * A new item while it is offered to idle processors. If one takes it, the item needs no place in
   * the waiting list, and no timer.
   */
  offered: QueueItem<T> | undefined;
  /**
   * The ids of messages that were stored before a restart. If the ack of one was lost, its session
   * delivers it again.
   */
  readonly restored: Set<string>;
  /** The number of items that are handed out, neither finished nor put back. */
  running: number;
}

export function createQueueCore<T extends Message>({ name, store, microtask, ...rest }: QueueCoreOptions<T>): QueueCore<T> {
  const streams: Streams<T> = { drops$: new Subject(), errors$: new Subject(), changes$: new Subject(), wake$: new Subject() };
  const onError = (error: unknown): void => streams.errors$.next(error);
  const onFault = (error: StoreError): void => (error.fault === 'fenced' ? fail(state, error) : onError(error));
  const persistence = store ? withStore(store.queue(name), microtask, onFault) : withoutStore;
  const onDrop = (item: QueueItem<T>, reason: DropReason): void => {
    if (persistence.drop(item, reason)) streams.drops$.next({ message: item.message, reason });
  };
  const ages = createAges(rest);
  const waiting = createWaitingItems<T>({ ...rest, owner: `queue ${name}`, onDrop, onError });
  const state: QueueState<T> = { ...streams, waiting, persistence, status: 'new', offered: undefined, restored: new Set(), running: 0 };

  return {
    ...streams,
    ...createOperations(state, ages),
    depth: waiting.size,
    jobOf: persistence.jobOf,
    open() {
      if (state.status !== 'new') return;
      state.status = 'opening';
      persistence.open().subscribe({ next: (stored) => begin(state, stored, ages), error: (error) => fail(state, error) });
    },
    close() {
      if (state.status === 'closed') return;
      end(state);
      streams.wake$.complete();
    },
  };
}

/** Creates the functions that add and hand out items. */
function createOperations<T extends Message>(
  state: QueueState<T>,
  { now, startOf }: Ages,
): Pick<QueueCore<T>, 'add' | 'take' | 'finish' | 'putBack'> {
  const { waiting, persistence, drops$, changes$ } = state;
  return {
    add(message) {
      if (state.status === 'closed') {
        drops$.next({ message, reason: 'closed' });
        return;
      }
      const since = now();
      const item = { message, since, start: startOf(message, since, since), held: claim(message), place: NaN };
      persistence.add(item);
      if (!isNew(state, item) || waiting.dropIfOld(item) || offerToProcessors(state, item)) return;
      failOnThrow(state, () => waiting.push(item));
      notify(state);
    },
    take() {
      if (state.status !== 'open') return undefined;
      const { offered } = state;
      state.offered = undefined;
      const item = offered ?? waiting.shift();
      if (item) state.running++;
      if (item !== offered) changes$.next();
      return item;
    },
    finish(item) {
      const finished$ = persistence.finish(item);
      changeRunning(state, -1);
      return finished$;
    },
    putBack(items) {
      for (const item of items) {
        waiting.unshift(item);
        changeRunning(state, -1);
      }
      if (state.status === 'closed') waiting.close();
      notify(state);
    },
  };
}

interface Ages {
  /** Returns the date. */
  readonly now: () => number;
  /**
   * Returns when the age of a message began, by the clock of the scheduler.
   *
   * @param since When the message was added, in ms since the epoch.
   * @param date The date of now.
   * @default the date
   */
  readonly startOf: (message: Message, since: number, date?: number) => number;
}

/**
 * Dates are converted once: a clock of the system that steps changes no age. A date in the future
 * counts as now.
 */
function createAges({ scheduler, ageFrom }: Pick<QueueCoreOptions<Message>, 'scheduler' | 'ageFrom'>): Ages {
  const now = (): number => wallTime(scheduler);
  return {
    now,
    startOf: (message, since, date = now()) => {
      const began = ageFrom === 'timestamp' ? Math.min(message.timestamp, since) : since;
      return scheduler.now() - Math.max(0, date - began);
    },
  };
}

function begin<T extends Message>(state: QueueState<T>, stored: readonly QueuedMessage[], { startOf }: Ages): void {
  if (state.status === 'closed') return;
  state.status = 'open';
  for (const { message } of stored) state.restored.add(message.id);
  const items = stored.map((row) => ({ ...row, start: startOf(row.message, row.since), message: row.message as T, held: undefined }));
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

/**
 * Returns false for a message that a session delivers again though it is stored. Messages without a
 * session are always new.
 */
function isNew<T extends Message>({ restored, persistence }: QueueState<T>, item: QueueItem<T>): boolean {
  if (!item.held || !restored.delete(item.message.id)) return true;
  persistence.finish(item);
  return false;
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
  if (state.status === 'closed' && state.running === 0) state.persistence.close();
}

function end<T extends Message>(state: QueueState<T>): void {
  state.status = 'closed';
  state.waiting.close();
  state.changes$.complete();
  changeRunning(state, 0);
}

function fail<T extends Message>(state: QueueState<T>, error: unknown): void {
  if (state.status === 'closed') return;
  end(state);
  state.errors$.next(error);
  state.wake$.error(error);
}
