import { noop } from 'rxjs';
import type { MaybeAsync } from '../internal/maybeAsync.js';

/** Does what takes time, for as long as the session lives. */
export type Wait = <T>(later: () => MaybeAsync<T>, done: (value: T) => void, failed: (error: unknown) => void) => void;

/** One write at a time, with what has to be done before it. */
export interface Storing {
  readonly isBusy: boolean;
  /** Must not be called while it is busy. */
  run<T>(write: () => MaybeAsync<T>, done: (value: T) => void): void;
  /** Calls back when it is not busy, before anything else is written. Who asks later takes the place of who has asked. */
  whenIdle(task: () => void): void;
}

/** @param goOn Called after each write. */
export function createStoring(wait: Wait, goOn: () => void): Storing {
  let isBusy = false;
  let next = noop;

  const end = (then: () => void): void => {
    isBusy = false;
    then();
    // Then that was the begin of another write; what is left to do is done at the end of it.
    if (storing.isBusy) return;
    const task = next;
    next = noop;
    task();
    goOn();
  };
  const storing: Storing = {
    get isBusy() {
      return isBusy;
    },
    run(write, done) {
      isBusy = true;
      wait(
        write,
        (value) => end(() => done(value)),
        () => end(noop),
      );
    },
    whenIdle(task) {
      if (isBusy) next = task;
      else task();
    },
  };
  return storing;
}
