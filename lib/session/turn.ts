import type { SchedulerLike } from 'rxjs';

/** A task that runs once for all calls in one microtask. */
export interface Turn {
  readonly schedule: () => void;
}

const resolved = /* @__PURE__ */ Promise.resolve();

/**
 * Creates a task that runs at the end of the microtask in which it is scheduled.
 *
 * @param microtask Runs the task instead, for tests in virtual time.
 */
export function createTurn(microtask: SchedulerLike | undefined, run: () => void): Turn {
  let isScheduled = false;
  const start = (): void => {
    isScheduled = false;
    run();
  };
  return {
    schedule() {
      if (isScheduled) return;
      isScheduled = true;
      // Not `queueMicrotask`, which fake timers may replace.
      if (microtask) microtask.schedule(start);
      else void resolved.then(start);
    },
  };
}
