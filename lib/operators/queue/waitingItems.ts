import type { DropReason } from '../../message/errors.js';
import { createExpiringQueue, createPriorityQueue } from '../buffers/priorityQueue.js';
import { createRing } from '../buffers/ring.js';
import { wallTime } from '../../message/steadyScheduler.js';
import { isExpired } from '../../message/isExpired.js';
import type { Message } from '../../message/types.js';
import type { QueueOptions } from './queueOptions.js';
import type { Claim } from '../../wire/session/messageClaim.js';

export interface QueueItem<T extends Message = Message> {
  readonly message: T;
  /** When the message was added, in ms since the epoch: for the store. */
  readonly since: number;
  /** When its age began, by the clock of the scheduler. */
  readonly start: number;
  /** The delivery of the session, which ends when the item is stored or finished. */
  held: Claim | undefined;
  place: number;
}

type SharedOptions<T extends Message> = Required<
  Pick<QueueOptions<T>, 'maxSize' | 'maxAge' | 'ageFrom' | 'overflow' | 'priority' | 'scheduler'>
>;

export interface WaitingItemsOptions<T extends Message> extends SharedOptions<T> {
  readonly owner: string;
  readonly onDrop: (item: QueueItem<T>, reason: DropReason) => void;
  readonly onError: (error: unknown) => void;
}

export type WaitingItems<T extends Message> = ReturnType<typeof createWaitingItems<T>>;

export function createWaitingItems<T extends Message>(options: WaitingItemsOptions<T>) {
  const { owner, maxSize, maxAge, ageFrom, overflow, priority, scheduler, onDrop, onError } = options;
  // Items that are pushed before the opening wait for the stored items, which are older.
  const beforeOpen = createPriorityQueue<QueueItem<T>>(owner, maxSize, overflow);
  const sorted = createExpiringQueue<QueueItem<T>>({
    queue: createPriorityQueue(owner, maxSize, overflow),
    maxAge,
    scheduler,
    onDrop,
    onError,
  });
  const returned = createRing<QueueItem<T>>();
  let isOpen = false;
  let latestStart = -Infinity;

  const isOld = ({ message, start }: QueueItem<T>): boolean =>
    (message.ttl !== undefined && isExpired(message, wallTime(scheduler))) ||
    (ageFrom === 'timestamp' && start + maxAge <= scheduler.now());
  const dropIfOld = (item: QueueItem<T>): boolean => {
    const isDropped = isOld(item);
    if (isDropped) onDrop(item, 'expired');
    return isDropped;
  };
  /**
   * Sorted items expire in order of arrival, so a start is not before that of an earlier item. The
   * timer may be late: `shift` checks the true age.
   */
  const sortedStartOf = ({ start }: QueueItem<T>): number => (latestStart = Math.max(latestStart, start));
  const priorityOf = (message: T): number | undefined => {
    try {
      return priority(message);
    } catch (error) {
      onError(error);
      return undefined;
    }
  };
  const push = (item: QueueItem<T>): void => {
    if (isOpen) return sorted.push(item, priorityOf(item.message), sortedStartOf(item));
    const dropped = beforeOpen.push(item, priorityOf(item.message), item.start);
    if (dropped) onDrop(dropped.value, 'overflow');
  };

  return {
    size: (): number => beforeOpen.size + sorted.size() + returned.size,
    /** @throws {OverflowError} If it is full and the policy is `error`. */
    push,
    /** Drops an item that is too old to be processed. Returns whether it is. */
    dropIfOld,
    /**
     * Returns when the age of a message began, by the clock of the scheduler. Dates are converted
     * once: a clock of the system that steps changes no age. A date in the future counts as now.
     *
     * @param since When the message was added, in ms since the epoch.
     * @param date The date of now.
     */
    startOf(message: Message, since: number, date = wallTime(scheduler)): number {
      const began = ageFrom === 'timestamp' ? Math.min(message.timestamp, since) : since;
      return scheduler.now() - Math.max(0, date - began);
    },
    /** Adds the stored items, then those that were pushed before and pass `isWanted`. */
    open(stored: readonly QueueItem<T>[], isWanted: (item: QueueItem<T>) => boolean): void {
      isOpen = true;
      stored.forEach(push);
      for (let early = beforeOpen.shiftOldest(); early; early = beforeOpen.shiftOldest()) if (isWanted(early.value)) push(early.value);
    },
    shift(): QueueItem<T> | undefined {
      if (!isOpen) return undefined;
      const next = (): QueueItem<T> | undefined => returned.shift() ?? sorted.shift()?.value;
      let item = next();
      while (item && dropIfOld(item)) item = next();
      return item;
    },
    unshift: (item: QueueItem<T>): void => returned.push(item),
    close(): void {
      for (let item = returned.shift(); item; item = returned.shift()) onDrop(item, 'closed');
      for (let early = beforeOpen.shiftOldest(); early; early = beforeOpen.shiftOldest()) onDrop(early.value, 'closed');
      sorted.close();
    },
  };
}
