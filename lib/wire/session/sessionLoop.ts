import type { SchedulerLike, Unsubscribable } from 'rxjs';
import { NONE, pushed } from '../../core/coreTypes.js';
import { MAX_DELAY } from '../../operators/timing/coalescedTimer.js';
import { reportUncaught } from '../../message/errors/reportUncaught.js';
import { afterMicrotask, wallTime } from '../../message/steadyScheduler.js';

/** A session that a {@link SessionLoop} runs. Only the loop writes the fields. */
export interface LoopTask {
  /** Whether the task runs at the end of the microtask. */
  isScheduled: boolean;
  /** The earliest time that was asked for; Infinity for none. */
  wakesAt: number;
  /**
   * @param now The time of the scheduler, in ms.
   * @param date The time of day, in ms since the epoch.
   */
  run(now: number, date: number): void;
}

/** One microtask and one timer for all sessions of a server, or for the one of a client. */
export class SessionLoop {
  readonly #scheduler: SchedulerLike;
  readonly #microtask: SchedulerLike | undefined;
  #timer: Unsubscribable | undefined;
  #scheduled: LoopTask[] = NONE;
  /** The tasks that a timer runs at each time. A task may have several: see {@link wake}. */
  readonly #waiting = new Map<number, Set<LoopTask>>();
  /** The time of the timer. */
  #nextAt = Infinity;

  /** @param microtask Runs the tasks that are scheduled. @default the end of the microtask */
  constructor(scheduler: SchedulerLike, microtask: SchedulerLike | undefined) {
    this.#scheduler = scheduler;
    this.#microtask = microtask;
  }

  schedule(task: LoopTask): void {
    if (task.isScheduled) return;
    task.isScheduled = true;
    this.#scheduled = pushed(this.#scheduled, task);
    if (this.#scheduled.length > 1) return;
    afterMicrotask(this.#runScheduled, this.#microtask);
  }

  /** Runs a task at a time. Other times of the task stay: they do no harm. */
  wake(task: LoopTask, at: number, now: number): void {
    if (at >= task.wakesAt) return;
    task.wakesAt = at;
    const tasks = this.#waiting.get(at);
    if (tasks) tasks.add(task);
    else this.#waiting.set(at, new Set([task]));
    if (at < this.#nextAt) this.#set(at, now);
  }

  remove(task: LoopTask): void {
    task.wakesAt = Infinity;
    for (const [at, tasks] of this.#waiting) if (tasks.delete(task) && tasks.size === 0) this.#waiting.delete(at);
    if (this.#waiting.size > 0) return;
    this.#timer?.unsubscribe();
    this.#nextAt = Infinity;
  }

  #set(at: number, now: number): void {
    this.#timer?.unsubscribe();
    this.#nextAt = at;
    this.#timer = this.#scheduler.schedule(this.#runDue, Math.min(Math.max(0, at - now), MAX_DELAY));
  }
  readonly #runScheduled = (): void => {
    const tasks = this.#scheduled;
    this.#scheduled = NONE;
    const now = this.#scheduler.now();
    const date = wallTime(this.#scheduler);
    for (const task of tasks) {
      task.isScheduled = false;
      run(task, now, date);
    }
  };
  readonly #runDue = (): void => {
    const now = this.#scheduler.now();
    const date = wallTime(this.#scheduler);
    this.#nextAt = Infinity;
    const due = [...this.#waiting.keys()].filter((at) => at <= now).sort((one, other) => one - other);
    for (const at of due) {
      const tasks = this.#waiting.get(at);
      this.#waiting.delete(at);
      for (const task of tasks ?? []) {
        task.wakesAt = Infinity;
        run(task, now, date);
      }
    }
    const next = Math.min(...this.#waiting.keys());
    if (next < this.#nextAt) this.#set(next, now);
  };
}

/** Runs a task. An exception must not keep the others from running. */
function run(task: LoopTask, now: number, date: number): void {
  try {
    task.run(now, date);
  } catch (error) {
    reportUncaught(error);
  }
}
