import type { SchedulerLike, Subscriber } from 'rxjs';
import { createAlarm } from './alarm.js';
import { firstOf } from './firstOf.js';
import { createTurns } from './turns.js';

/** A batch that can still grow. */
export interface OpenBatch<K, T> {
  readonly key: K;
  readonly items: [T, ...T[]];
  /** When its first item came. */
  readonly since: number;
}

export interface OpenBatches<K, T> {
  readonly byKey: Map<K, OpenBatch<K, T>>;
  /** What got the last item, if it is open. Items of one key tend to come in a row, and need no look-up then. */
  latest: OpenBatch<K, T> | undefined;
  /** Takes a batch out, and puts it in the queue to be emitted. */
  close(batch: OpenBatch<K, T>): void;
  /** Closes the oldest for as long as the condition holds. */
  closeWhile(condition: (oldest: OpenBatch<K, T>) => boolean): void;
  /** Sets the timer to the oldest batch, and emits what was closed. */
  settle(): void;
  /** Closes and emits everything, then ends. */
  finish(end: () => void): void;
}

/** The open batches of a subscriber: one timer for all, and one queue out, so that what a subscriber adds while it gets one comes after it. */
export function createOpenBatches<K, T>(
  subscriber: Subscriber<{ readonly key: K; readonly items: readonly [T, ...T[]] }>,
  maxWait: number,
  scheduler: SchedulerLike,
): OpenBatches<K, T> {
  const byKey = new Map<K, OpenBatch<K, T>>();
  const oldest = firstOf(byKey);
  const turns = createTurns();

  const remaining = ({ since }: OpenBatch<K, T>): number => {
    const age = scheduler.now() - since;
    // The clock was set back: nobody should wait for it to catch up.
    return age < 0 ? 0 : maxWait - age;
  };
  const alarm = createAlarm(scheduler, () => {
    batches.closeWhile((batch) => remaining(batch) <= 0);
    batches.settle();
  });
  subscriber.add(() => alarm.clear());

  const batches: OpenBatches<K, T> = {
    byKey,
    latest: undefined,
    close(batch) {
      byKey.delete(batch.key);
      batches.latest = undefined;
      turns.add(() => subscriber.next({ key: batch.key, items: batch.items }));
    },
    closeWhile(condition) {
      for (let batch = oldest(); batch && condition(batch); batch = oldest()) batches.close(batch);
    },
    settle() {
      const next = oldest();
      if (next) alarm.set(remaining(next));
      else alarm.clear();
      turns.run();
    },
    finish(end) {
      batches.closeWhile(() => true);
      turns.add(end);
      batches.settle();
    },
  };
  return batches;
}
