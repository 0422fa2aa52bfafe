import { asapScheduler, type SchedulerAction, type Subscription } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';

/** The text of an error that RxJS throws by mistake. */
const MISTAKEN = 'Expected a due immediate or interval';

type RunHelpers = Parameters<Parameters<TestScheduler['run']>[0]>[0];

/** Set while a function runs in virtual time. */
let ends: (() => void)[] | undefined;

/** Calls the function when the present run in virtual time has ended; never, if there is none. */
export function onVirtualEnd(end: () => void): void {
  ends?.push(end);
}

/**
 * Runs a function in virtual time, and leaves nothing of it in the schedulers of RxJS.
 * @param run `close` calls what {@link onVirtualEnd} was given, as the end of the run does.
 */
export function runVirtually<T>(run: (scheduler: TestScheduler, helpers: RunHelpers, close: () => void) => T): T {
  const outer = ends;
  const own: (() => void)[] = [];
  const close = (): void => {
    for (const end of own.splice(0)) end();
  };
  ends = own;
  try {
    const scheduler = createVirtualTime();
    return withOwnMicrotasks(() => scheduler.run((helpers) => run(scheduler, helpers, close)));
  } finally {
    close();
    ends = outer;
  }
}

/**
 * Creates the scheduler of a run. When two timers are due at the same time and one cancels the
 * other, a callback of the `TestScheduler` of RxJS 7.8 throws by mistake. Here it does nothing.
 */
function createVirtualTime(): TestScheduler {
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

/**
 * Gives a run an `asapScheduler` without actions, and restores its actions afterwards. A run that
 * ends early leaves actions there that no clock runs: the scheduler would wait for ever.
 */
function withOwnMicrotasks<T>(run: () => T): T {
  const scheduler = asapScheduler as unknown as { actions: unknown[]; _scheduled: unknown; _active: boolean };
  const { actions, _scheduled, _active } = scheduler;
  Object.assign(scheduler, { actions: [], _scheduled: undefined, _active: false });
  try {
    return run();
  } finally {
    Object.assign(scheduler, { actions, _scheduled, _active });
  }
}
