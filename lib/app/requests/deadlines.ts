import type { SchedulerLike } from 'rxjs';
import { createCoalescedTimer } from '../../internal/coalescedTimer.js';

/**
 * Deadlines of many entries with one timer. A deadline that was moved back is detected when the
 * timer fires.
 */
export interface Deadlines {
  /** Announces a deadline that is new or earlier than before. */
  note(deadline: number): void;
  clear(): void;
}

/** @param onDue Called with each entry whose deadline has passed. It may remove other entries. */
export function createDeadlines<T extends { readonly deadline: number }>(
  waiting: ReadonlyMap<string, T>,
  scheduler: SchedulerLike,
  onDue: (one: T) => void,
): Deadlines {
  let nearest = Infinity;
  const timer = createCoalescedTimer(scheduler, () => {
    nearest = Infinity;
    const now = scheduler.now();
    for (const one of [...waiting.values()]) if (one.deadline <= now) onDue(one);
    let next = Infinity;
    for (const { deadline } of waiting.values()) next = Math.min(next, deadline);
    deadlines.note(next);
  });

  const deadlines: Deadlines = {
    note(deadline) {
      if (deadline >= nearest) return;
      nearest = deadline;
      timer.clear();
      timer.set(Math.max(0, deadline - scheduler.now()));
    },
    clear() {
      nearest = Infinity;
      timer.clear();
    },
  };
  return deadlines;
}
