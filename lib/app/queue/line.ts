import type { SchedulerLike } from 'rxjs';
import type { DropReason } from '../../errors.js';
import { createPriorityQueue, type OverflowPolicy } from '../../internal/priorityQueue.js';
import { createRing } from '../../internal/ring.js';
import { createWaitingRoom } from '../../internal/waitingRoom.js';
import { isExpired } from '../../message/expiry.js';
import type { Message } from '../../message/types.js';
import type { Item } from './item.js';

export interface LineOptions<T extends Message> {
  /** Whose line it is, for the error. */
  readonly owner: string;
  readonly maxSize: number;
  readonly maxAge: number;
  readonly overflow: OverflowPolicy;
  readonly priority: (message: T) => number | undefined;
  readonly scheduler: SchedulerLike;
  readonly onDrop: (item: Item<T>, reason: DropReason) => void;
  /** Gets what `priority` threw. */
  readonly onError: (error: unknown) => void;
}

/** Those that wait. */
export interface Line<T extends Message> {
  readonly size: () => number;
  /** @throws {OverflowError} When it is full, and the policy is `error`. */
  enter(item: Item<T>): void;
  /** Lets those in who came before a restart, and then the others, if they are `wanted`; nobody leaves before that. */
  open(stored: readonly Item<T>[], wanted: (item: Item<T>) => boolean): void;
  /** Takes who is next. */
  leave(): Item<T> | undefined;
  /** Takes back who has left, to the front. */
  putBack(item: Item<T>): void;
  /** Drops all. */
  close(): void;
}

export function createLine<T extends Message>(options: LineOptions<T>): Line<T> {
  const { owner, maxSize, maxAge, overflow, priority, scheduler, onDrop, onError } = options;
  // Those that come before it is open wait outside, so that in the room nobody has waited for longer than who came before.
  const outside = createPriorityQueue<Item<T>>(owner, maxSize, overflow);
  const room = createWaitingRoom<Item<T>>({ queue: createPriorityQueue(owner, maxSize, overflow), maxAge, scheduler, onDrop, onError });
  const back = createRing<Item<T>>();
  let isOpen = false;

  const rank = (message: T): number | undefined => {
    try {
      return priority(message);
    } catch (error) {
      onError(error);
      return undefined;
    }
  };
  const enter = (item: Item<T>): void => {
    if (isOpen) return room.enter(item, rank(item.message), item.since);
    const dropped = outside.push(item, rank(item.message), item.since);
    if (dropped) onDrop(dropped.value, 'overflow');
  };

  return {
    size: () => outside.size + room.size() + back.size,
    enter,
    open(stored, wanted) {
      isOpen = true;
      stored.forEach(enter);
      for (let early = outside.shiftOldest(); early; early = outside.shiftOldest()) if (wanted(early.value)) enter(early.value);
    },
    leave() {
      if (!isOpen) return undefined;
      let item = back.shift() ?? room.leave()?.value;
      for (; item && isExpired(item.message, scheduler.now()); item = room.leave()?.value) onDrop(item, 'expired');
      return item;
    },
    putBack: (item) => back.push(item),
    close() {
      for (let item = back.shift(); item; item = back.shift()) onDrop(item, 'closed');
      for (let early = outside.shiftOldest(); early; early = outside.shiftOldest()) onDrop(early.value, 'closed');
      room.close();
    },
  };
}
