import { Subject, type Observable, type SchedulerLike } from 'rxjs';
import type { DropReason, StoreError } from '../../errors.js';
import type { Message } from '../../message/types.js';
import { claim } from '../../session/receive/delivery.js';
import type { Job } from '../../session/consume/consumeOne.js';
import { inMemory, inStore, type Backing } from './backing.js';
import type { Item } from './item.js';
import { createLine, type Line, type LineOptions } from './line.js';
import type { QueueDrop } from './queueOptions.js';
import type { QueuedMessage, QueueStore } from './queueStore.js';

export interface CounterOptions<T extends Message> extends Omit<LineOptions<T>, 'owner' | 'onDrop' | 'onError'> {
  readonly name: string;
  readonly store: QueueStore | undefined;
  readonly microtask: SchedulerLike;
}

/** Where messages come in, wait, and are taken out: all of a queue but its processors. */
export interface Counter<T extends Message> extends Streams<T> {
  readonly depth: () => number;
  /** Finds out what is stored, unless that is done. */
  readonly open: () => void;
  readonly add: (message: T) => void;
  readonly take: () => Item<T> | undefined;
  /** An item, and what its session has to hear when it is done. */
  readonly jobOf: (item: Item<T>) => Job<T>;
  /** The item is done. Emits when it will not come again; nothing is returned where that is so at once. */
  readonly finish: (item: Item<T>) => Observable<unknown> | undefined;
  /** They are not done. */
  readonly putBack: (items: Iterable<Item<T>>) => void;
  readonly close: () => void;
}

interface Streams<T extends Message> {
  readonly drops$: Subject<QueueDrop<T>>;
  readonly errors$: Subject<unknown>;
  /** Emits when another number waits. */
  readonly changes$: Subject<void>;
  /** Emits when there may be something to do; ends with the queue. */
  readonly wake$: Subject<void>;
}

/** What the parts of a counter share. */
interface Inside<T extends Message> extends Streams<T> {
  readonly line: Line<T>;
  readonly backing: Backing;
  status: 'new' | 'opening' | 'open' | 'closed';
  /** What has just come, while processors are asked whether one is free: then it need not wait in line, and no timer is set for it. */
  offered: Item<T> | undefined;
  /** Messages that were stored before a restart. Where the ack of one was lost in it, its session hands it over again. */
  readonly restored: Set<string>;
  /** Items that were taken, and are neither done nor put back. */
  running: number;
}

export function createCounter<T extends Message>({ name, store, microtask, ...rest }: CounterOptions<T>): Counter<T> {
  const streams: Streams<T> = { drops$: new Subject(), errors$: new Subject(), changes$: new Subject(), wake$: new Subject() };
  const onError = (error: unknown): void => streams.errors$.next(error);
  const onFault = (error: StoreError): void => (error.fault === 'fenced' ? fail(inside, error) : onError(error));
  const backing = store ? inStore(store.queue(name), microtask, onFault) : inMemory;
  const onDrop = (item: Item<T>, reason: DropReason): void => {
    if (backing.drop(item, reason)) streams.drops$.next({ message: item.message, reason });
  };
  const line = createLine<T>({ ...rest, owner: `queue ${name}`, onDrop, onError });
  const inside: Inside<T> = { ...streams, line, backing, status: 'new', offered: undefined, restored: new Set(), running: 0 };

  return {
    ...{ ...streams, ...traffic(inside, rest.scheduler), depth: line.size },
    jobOf: (item) => backing.jobOf(item),
    open() {
      if (inside.status !== 'new') return;
      inside.status = 'opening';
      backing.open().subscribe({ next: (stored) => begin(inside, stored), error: (error) => fail(inside, error) });
    },
    close() {
      if (inside.status === 'closed') return;
      end(inside);
      streams.wake$.complete();
    },
  };
}

/** How messages come in and go out. */
function traffic<T extends Message>(inside: Inside<T>, scheduler: SchedulerLike): Pick<Counter<T>, 'add' | 'take' | 'finish' | 'putBack'> {
  const { line, backing, drops$, changes$ } = inside;
  return {
    add(message) {
      if (inside.status === 'closed') {
        drops$.next({ message, reason: 'closed' });
        return;
      }
      const item = { message, since: scheduler.now(), held: claim(message), place: NaN };
      backing.keep(item);
      if (!isWanted(inside, item) || isTaken(inside, item)) return;
      orFail(inside, () => line.enter(item));
      changed(inside);
    },
    take() {
      if (inside.status !== 'open') return undefined;
      const { offered } = inside;
      inside.offered = undefined;
      const item = offered ?? line.leave();
      if (item) inside.running++;
      if (item !== offered) changes$.next();
      return item;
    },
    finish(item) {
      const finished$ = backing.finish(item);
      count(inside, -1);
      return finished$;
    },
    putBack(items) {
      for (const item of items) {
        line.putBack(item);
        count(inside, -1);
      }
      if (inside.status === 'closed') line.close();
      changed(inside);
    },
  };
}

function begin<T extends Message>(inside: Inside<T>, stored: readonly QueuedMessage[]): void {
  if (inside.status === 'closed') return;
  inside.status = 'open';
  for (const { message } of stored) inside.restored.add(message.id);
  const items = stored.map((row) => ({ ...row, message: row.message as T, held: undefined }));
  orFail(inside, () => inside.line.open(items, (item) => isWanted(inside, item)));
  changed(inside);
}

/** Some want a queue to end when it is full. */
function orFail<T extends Message>(inside: Inside<T>, enter: () => void): void {
  try {
    enter();
  } catch (error) {
    fail(inside, error);
  }
}

/** Answers whether it is no repeat of what was stored already. What no session hands over, somebody has put here once more. */
function isWanted<T extends Message>({ restored, backing }: Inside<T>, item: Item<T>): boolean {
  if (!item.held || !restored.delete(item.message.id)) return true;
  backing.finish(item);
  return false;
}

/** Offers it to the processors; answers whether one has taken it. */
function isTaken<T extends Message>(inside: Inside<T>, item: Item<T>): boolean {
  if (inside.line.size() > 0) return false;
  inside.offered = item;
  inside.wake$.next();
  const isGone = inside.offered !== item;
  inside.offered = undefined;
  return isGone;
}

function changed<T extends Message>({ changes$, wake$ }: Streams<T>): void {
  changes$.next();
  wake$.next();
}

function count<T extends Message>(inside: Inside<T>, change: 0 | -1): void {
  inside.running += change;
  if (inside.status === 'closed' && inside.running === 0) inside.backing.close();
}

function end<T extends Message>(inside: Inside<T>): void {
  inside.status = 'closed';
  inside.line.close();
  inside.changes$.complete();
  count(inside, 0);
}

function fail<T extends Message>(inside: Inside<T>, error: unknown): void {
  if (inside.status === 'closed') return;
  end(inside);
  inside.errors$.next(error);
  inside.wake$.error(error);
}
