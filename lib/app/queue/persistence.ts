import { of, type Observable, type SchedulerLike } from 'rxjs';
import type { DropReason, StoreError } from '../../errors.js';
import type { Message } from '../../message/types.js';
import type { Job } from '../../session/consume/consumeOne.js';
import type { Rejection } from '../../session/store/inbox.js';
import { release, type QueueItem } from './queueItem.js';
import { createQueueWriter } from './queueWriter.js';
import type { QueuedMessage, QueueLog } from './queueStore.js';

/**
 * Where the items of a queue are kept: in a store, or in the sessions that delivered them and wait
 * for their acks.
 */
export interface Persistence {
  /** Emits the items that an earlier process has left. */
  open(): Observable<readonly QueuedMessage[]>;
  add(item: QueueItem): void;
  /** Returns an item and the callback that settles it with its session. */
  readonly jobOf: <T extends Message>(item: QueueItem<T>) => Job<T>;
  /** Finishes an item. Emits when a restart will not repeat it; undefined if that is so at once. */
  finish(item: QueueItem): Observable<unknown> | undefined;
  /** Reports a dropped item. Returns whether it is lost for good. */
  drop(item: QueueItem, reason: DropReason): boolean;
  close(): void;
}

/** The rejections that the senders of dropped messages receive. */
const DROPPED: Readonly<Partial<Record<DropReason, Rejection>>> = {
  overflow: { kind: 'refused', code: 'ERR_DROPPED', reason: 'the queue was full' },
  expired: { kind: 'refused', code: 'ERR_DROPPED', reason: 'the message waited in the queue for too long' },
};

/** Without a store. */
export const withoutStore: Persistence = {
  open: () => of([]),
  add: () => undefined,
  jobOf: (item) => item,
  finish: () => undefined,
  drop(item, reason) {
    // A closed queue did not process the item: its session must not ack it.
    if (reason !== 'closed') release(item, DROPPED[reason]);
    return true;
  },
  close: () => undefined,
};

/** With a store. The session acks an item as soon as it is stored. */
export function withStore(log: QueueLog, microtask: SchedulerLike, onFault: (error: StoreError) => void): Persistence {
  const { open, add, remove, close } = createQueueWriter({ log, microtask, onStored: (item) => release(item), onError: onFault });
  const finish = (item: QueueItem): Observable<unknown> => {
    release(item);
    return remove(item);
  };
  return {
    open() {
      log.faults$?.subscribe(onFault);
      return open();
    },
    add,
    close,
    finish,
    jobOf: ({ message }) => ({ message, held: undefined }),
    drop(item, reason) {
      if (reason !== 'closed') {
        release(item, DROPPED[reason]);
        finish(item);
      }
      return reason !== 'closed';
    },
  };
}
