import { noop } from 'rxjs';
import type { MaybePromise } from '../internal/maybeAsync.js';

/** Waits for a result until the session ends. */
export type Wait = <T>(later: () => MaybePromise<T>, done: (value: T) => void, failed: (error: unknown) => void) => void;

/** Runs one task at a time, such as a write to a store. */
export interface SerialTask {
  readonly isBusy: boolean;
  /** Runs a task. Must not be called while another one runs. */
  run<T>(task: () => MaybePromise<T>, done: (value: T) => void): void;
  /**
   * Calls back when no task runs, before another one is started. A later call replaces the earlier
   * one.
   */
  whenIdle(callback: () => void): void;
}

/** @param onIdle Called after each task. */
export function createSerialTask(wait: Wait, onIdle: () => void): SerialTask {
  let isBusy = false;
  let next = noop;

  const end = (then: () => void): void => {
    isBusy = false;
    then();
    // `then` may have started another task: the rest runs at the end of that task.
    if (serial.isBusy) return;
    const callback = next;
    next = noop;
    callback();
    onIdle();
  };
  const serial: SerialTask = {
    get isBusy() {
      return isBusy;
    },
    run(task, done) {
      isBusy = true;
      wait(
        task,
        (value) => end(() => done(value)),
        () => end(noop),
      );
    },
    whenIdle(callback) {
      if (isBusy) next = callback;
      else callback();
    },
  };
  return serial;
}
