import type { SchedulerLike } from 'rxjs';
import { createAlarm } from '../../internal/alarm.js';

/** When what is waited for is given up: one alarm for all. Where a deadline has moved on, that is noticed when it rings. */
export interface Deadlines {
  /** A deadline is new, or nearer than before. */
  note(deadline: number): void;
  clear(): void;
}

/** @param onDue Called with each one whose deadline has passed. It may take others out. */
export function createDeadlines<T extends { readonly deadline: number }>(
  waiting: ReadonlyMap<string, T>,
  scheduler: SchedulerLike,
  onDue: (one: T) => void,
): Deadlines {
  let nearest = Infinity;
  const alarm = createAlarm(scheduler, () => {
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
      alarm.clear();
      alarm.set(Math.max(0, deadline - scheduler.now()));
    },
    clear() {
      nearest = Infinity;
      alarm.clear();
    },
  };
  return deadlines;
}
