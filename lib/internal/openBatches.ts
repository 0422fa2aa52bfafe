import type { SchedulerLike, Subscriber } from 'rxjs';
import { createCoalescedTimer } from './coalescedTimer.js';
import { firstOf } from './firstOf.js';
import { createTrampoline } from './trampoline.js';

/** A batch that is not full. */
export interface OpenBatch<K, T> {
  readonly key: K;
  readonly items: [T, ...T[]];
  /** The time of its first item. */
  readonly since: number;
}

export interface OpenBatches<K, T> {
  readonly byKey: Map<K, OpenBatch<K, T>>;
  /**
   * The batch of the previous item, if it is open. Consecutive items often have the same key, which
   * saves a lookup.
   */
  latest: OpenBatch<K, T> | undefined;
  /** Removes a batch and schedules its emission. */
  close(batch: OpenBatch<K, T>): void;
  /** Closes the oldest batch while the condition holds. */
  closeWhile(condition: (oldest: OpenBatch<K, T>) => boolean): void;
  /** Sets the timer for the oldest batch, and emits the closed ones. */
  settle(): void;
  /** Closes and emits all batches, then calls `end`. */
  finish(end: () => void): void;
}

/**
 * Creates the open batches of a subscriber, with one timer and one output queue for all: items that
 * a subscriber adds during an emission are emitted later.
 */
export function createOpenBatches<K, T>(
  subscriber: Subscriber<{ readonly key: K; readonly items: readonly [T, ...T[]] }>,
  maxWait: number,
  scheduler: SchedulerLike,
): OpenBatches<K, T> {
  const byKey = new Map<K, OpenBatch<K, T>>();
  const oldest = firstOf(byKey);
  const notifications = createTrampoline();

  const remaining = ({ since }: OpenBatch<K, T>): number => {
    const age = scheduler.now() - since;
    // The clock was set back: do not wait for it to catch up.
    return age < 0 ? 0 : maxWait - age;
  };
  const timer = createCoalescedTimer(scheduler, () => {
    batches.closeWhile((batch) => remaining(batch) <= 0);
    batches.settle();
  });
  subscriber.add(() => timer.clear());

  const batches: OpenBatches<K, T> = {
    byKey,
    latest: undefined,
    close(batch) {
      byKey.delete(batch.key);
      batches.latest = undefined;
      notifications.add(() => subscriber.next({ key: batch.key, items: batch.items }));
    },
    closeWhile(condition) {
      for (let batch = oldest(); batch && condition(batch); batch = oldest()) batches.close(batch);
    },
    settle() {
      const next = oldest();
      if (next) timer.set(remaining(next));
      else timer.clear();
      notifications.run();
    },
    finish(end) {
      batches.closeWhile(() => true);
      notifications.add(end);
      batches.settle();
    },
  };
  return batches;
}
