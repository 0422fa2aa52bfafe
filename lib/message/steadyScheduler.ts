import { asyncScheduler, type SchedulerAction, type SchedulerLike, type Subscription } from 'rxjs';

export interface SteadyScheduler extends SchedulerLike {
  /** Returns a monotonic time, for durations, in ms: no step of the system's clock changes it. */
  now(): number;
  /** Returns the time of day, in ms since the epoch. */
  wallTime(): number;
}

/** The differences between a virtual clock and the date are larger than this, in ms. */
const VIRTUAL = 1_000;

const steady: SteadyScheduler = {
  // Whole ms, like those of a date: they appear in frames, states and receipts. A platform that is
  // only JavaScript has no clock but the date.
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- the types are those of browsers and of Node
  now: () => Math.floor((globalThis.performance ?? Date).now()),
  wallTime: () => asyncScheduler.now(),
  schedule: <T>(work: (this: SchedulerAction<T>, state?: T) => void, delay?: number, state?: T): Subscription =>
    asyncScheduler.schedule(work, delay, state),
};

/**
 * Returns the default of each option `scheduler`: the timers of `asyncScheduler`, with a monotonic
 * clock. While `TestScheduler.run` of RxJS runs, it returns `asyncScheduler`, whose clock and
 * timers are virtual then.
 */
export function steadyScheduler(): SchedulerLike {
  // eslint-disable-next-line no-restricted-properties -- the only way to find out whether `asyncScheduler` is virtual
  return Math.abs(asyncScheduler.now() - Date.now()) > VIRTUAL ? asyncScheduler : steady;
}

/**
 * Returns the time of day of a scheduler, in ms since the epoch: for timestamps, for expiries that
 * are dates, and for what is stored. A scheduler that has only `now()` uses it for both.
 */
export function wallTime(scheduler: SchedulerLike): number {
  return (scheduler as Partial<SteadyScheduler>).wallTime?.() ?? scheduler.now();
}

const resolved = /* @__PURE__ */ Promise.resolve();

/** Runs a function, which must not throw, at the end of the microtask: by `microtask`, if given. */
export function afterMicrotask(run: () => void, microtask: SchedulerLike | undefined): void {
  // Not `queueMicrotask`, which fake timers may replace.
  if (microtask) microtask.schedule(run);
  else void resolved.then(run);
}
