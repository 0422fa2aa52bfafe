import type { SchedulerLike } from 'rxjs';
import { type CoalescedTimer, createCoalescedTimer } from '../../operators/timing/coalescedTimer.js';

interface TimedHandshake {
  onHandshakeTimeout(): void;
}

/** One timer for the handshakes of all connections of a server. */
export class HandshakeTimeouts {
  readonly #handshakeTimeout: number;
  readonly #scheduler: SchedulerLike;
  readonly #timer: CoalescedTimer;
  /** When the time of each connection is over, in ascending order. */
  readonly #due = new Map<TimedHandshake, number>();

  constructor(handshakeTimeout: number, scheduler: SchedulerLike) {
    this.#handshakeTimeout = handshakeTimeout;
    this.#scheduler = scheduler;
    this.#timer = createCoalescedTimer(scheduler, () => this.#onTimer());
  }

  begin(connection: TimedHandshake): void {
    if (this.#handshakeTimeout === Infinity) return;
    this.#due.delete(connection);
    this.#due.set(connection, this.#scheduler.now() + this.#handshakeTimeout);
    this.#timer.set(this.#handshakeTimeout);
  }
  end(connection: TimedHandshake): void {
    if (this.#due.delete(connection) && this.#due.size === 0) this.#timer.clear();
  }

  close(): void {
    this.#due.clear();
    this.#timer.clear();
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
      connection.onHandshakeTimeout();
    }
  }
}
