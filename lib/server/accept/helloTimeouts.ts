import type { SchedulerLike } from 'rxjs';
import { createCoalescedTimer, type CoalescedTimer } from '../../internal/coalescedTimer.js';

/** A connection whose handshake may take the `helloTimeout`. */
export interface TimedHandshake {
  onHelloTimeout(): void;
}

/** One timer for the handshakes of all connections of a server. */
export class HelloTimeouts {
  readonly #helloTimeout: number;
  readonly #scheduler: SchedulerLike;
  readonly #timer: CoalescedTimer;
  /** When the time of each connection is over, in ascending order. */
  readonly #due = new Map<TimedHandshake, number>();

  constructor(helloTimeout: number, scheduler: SchedulerLike) {
    this.#helloTimeout = helloTimeout;
    this.#scheduler = scheduler;
    this.#timer = createCoalescedTimer(scheduler, () => this.#onTimer());
  }

  /** Begins the time of a connection, or begins it again. */
  begin(connection: TimedHandshake): void {
    if (this.#helloTimeout === Infinity) return;
    this.#due.delete(connection);
    this.#due.set(connection, this.#scheduler.now() + this.#helloTimeout);
    this.#timer.set(this.#helloTimeout);
  }
  /** Ends the time of a connection. */
  end(connection: TimedHandshake): void {
    if (this.#due.delete(connection) && this.#due.size === 0) this.#timer.clear();
  }

  #onTimer(): void {
    const now = this.#scheduler.now();
    for (const [connection, due] of this.#due) {
      if (due > now) {
        // The end of an earlier one may have begun another, and set the timer for it.
        this.#timer.clear();
        this.#timer.set(due - now);
        return;
      }
      this.#due.delete(connection);
      connection.onHelloTimeout();
    }
  }
}
