import type { SchedulerAction, Subscription } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';

/** The text of an error that RxJS throws by mistake. */
const MISTAKEN = 'Expected a due immediate or interval';

/**
 * Creates the scheduler of a run in virtual time.
 *
 * When two timers are due at the same time, RxJS may run the second one first. If that one cancels the other, a callback of the `TestScheduler` finds nothing to
 * do, and throws (seen in RxJS 7.8). Here it does nothing.
 */
export function createVirtualTime(): TestScheduler {
  const scheduler = new TestScheduler(() => true);
  const schedule = scheduler.schedule.bind(scheduler);
  scheduler.schedule = <T>(work: (this: SchedulerAction<T>, state?: T) => void, delay?: number, state?: T): Subscription =>
    schedule(
      function (this: SchedulerAction<T>, current?: T) {
        try {
          work.call(this, current);
        } catch (error) {
          if (!(error instanceof Error) || error.message !== MISTAKEN) throw error;
        }
      },
      delay,
      state,
    );
  return scheduler;
}
