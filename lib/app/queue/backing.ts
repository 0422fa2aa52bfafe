import { of, type Observable, type SchedulerLike } from 'rxjs';
import type { DropReason, StoreError } from '../../errors.js';
import type { Message } from '../../message/types.js';
import type { Job } from '../../session/consume/consumeOne.js';
import { release, type Item } from './item.js';
import { createKeeper } from './keeper.js';
import type { QueuedMessage, QueueLog } from './queueStore.js';

/** What becomes of items beside their wait in line: they are stored, or their sessions wait for them. */
export interface Backing {
  /** Emits what is left of the last time. */
  open(): Observable<readonly QueuedMessage[]>;
  keep(item: Item): void;
  /** An item, and what its session has to hear when it is done. */
  jobOf<T extends Message>(item: Item<T>): Job<T>;
  /** The item is done. Emits when it will not come again; nothing is returned where that is so at once. */
  finish(item: Item): Observable<unknown> | undefined;
  /** The item was dropped. Answers whether that is the end of it. */
  drop(item: Item, reason: DropReason): boolean;
  close(): void;
}

/** Without a store. */
export const inMemory: Backing = {
  open: () => of([]),
  keep: () => undefined,
  jobOf: (item) => item,
  finish: () => undefined,
  drop(item, reason) {
    // What is closed was not processed: its session shall not ack it.
    if (reason !== 'closed') release(item);
    return true;
  },
  close: () => undefined,
};

/** With a store: what it has, no session needs to wait for. */
export function inStore(log: QueueLog, microtask: SchedulerLike, onFault: (error: StoreError) => void): Backing {
  const { open, keep, forget, close } = createKeeper({ log, microtask, onStored: release, onError: onFault });
  const finish = (item: Item): Observable<unknown> => {
    release(item);
    return forget(item);
  };
  return {
    open() {
      log.faults$?.subscribe(onFault);
      return open();
    },
    ...{ keep, close, finish },
    jobOf: ({ message }) => ({ message, held: undefined }),
    drop(item, reason) {
      if (reason !== 'closed') finish(item);
      return reason !== 'closed';
    },
  };
}
