import type { SchedulerLike, Subscription } from 'rxjs';
import { MAX_DELAY } from '../internal/coalescedTimer.js';

/** The timer of a session. */
export class WakeTimer {
  readonly #scheduler: SchedulerLike;
  readonly #wake: () => void;
  #timer: Subscription | undefined;
  #firesAt = Infinity;

  /** @param wake Called at the time of the timer, or earlier. */
  constructor(scheduler: SchedulerLike, wake: () => void) {
    this.#scheduler = scheduler;
    this.#wake = wake;
  }

  /**
   * Sets the timer to a time; `Infinity` clears it. A timer that is set to an earlier time stays:
   * to wake too early costs less than to set the timer again and again.
   */
  set(at: number): void {
    if (at === Infinity) this.clear();
    if (at >= this.#firesAt) return;
    this.#timer?.unsubscribe();
    this.#firesAt = at;
    this.#timer = this.#scheduler.schedule(this.#fire, Math.min(MAX_DELAY, Math.max(0, at - this.#scheduler.now())));
  }
  clear(): void {
    this.#timer?.unsubscribe();
    this.#timer = undefined;
    this.#firesAt = Infinity;
  }
  readonly #fire = (): void => {
    this.#firesAt = Infinity;
    this.#wake();
  };
}
