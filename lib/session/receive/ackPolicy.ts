import type { SchedulerLike } from 'rxjs';
import { createCoalescedTimer, type CoalescedTimer } from '../../internal/coalescedTimer.js';

/** The maximum number of batches before an ack is sent, whatever wait they allow. */
const MAX_UNACKED_BATCHES = 64;

export interface AckPolicyOptions {
  readonly scheduler: SchedulerLike;
  /** Called when an ack must be sent at the end of the microtask. */
  readonly onDue: () => void;
}

/**
 * Decides when an ack is sent, as QUIC does (RFC 9000, section 13.2): with the next batch of the
 * other direction, or alone when the sender waits for the ack, when the wait that the sender allows
 * has passed, or after 64 batches.
 */
export class AckPolicy {
  /** Whether an ack must be sent at the end of the microtask. */
  isDue = false;
  /** Whether an ack is still to be sent: a batch may carry it. */
  isOwed = false;
  readonly #options: AckPolicyOptions;
  /** The highest number that was acked. */
  #acked = 0;
  /** The highest number whose ack must not wait. */
  #promptUpTo = 0;
  /**
   * How long an ack may wait after the processing of its message, in ms: the minimum of the waits
   * of all unacked batches.
   */
  #wait = 0;
  #batches = 0;
  /** The time at which the delayed ack must be sent. */
  #deadline = Infinity;
  /**
   * The time at which the last message was processed whose ack is delayed; `Infinity` when no ack
   * is delayed.
   */
  #processedAt = Infinity;
  /** Created when an ack is delayed. It is not cleared when the ack is sent earlier. */
  #alarm: CoalescedTimer | undefined;
  #alarmAt = Infinity;

  constructor(options: AckPolicyOptions) {
    this.#options = options;
  }

  /** Records a batch whose last number is `last`, and whose ack may wait for `wait` ms. */
  received(last: number, wait: number): void {
    if (wait === 0) {
      // A repeated batch may be older.
      this.#promptUpTo = Math.max(this.#promptUpTo, last);
      this.demand();
      return;
    }
    if (this.#batches++ === 0 || wait < this.#wait) this.#wait = wait;
    if (this.#batches >= MAX_UNACKED_BATCHES) this.demand();
  }

  /** Records that all messages up to `done` are processed. */
  processed(done: number): void {
    if (done <= this.#acked) return;
    if (this.#acked < this.#promptUpTo) {
      this.demand();
      return;
    }
    this.isOwed = true;
    const now = this.#options.scheduler.now();
    this.#processedAt = now;
    const deadline = now + this.#wait;
    if (deadline >= this.#deadline) return;
    this.#deadline = deadline;
    if (deadline < this.#alarmAt) this.#setAlarm(this.#wait);
  }

  /** Demands that an ack is sent at once. */
  demand(): void {
    this.isOwed = true;
    if (this.isDue) return;
    this.isDue = true;
    this.#options.onDue();
  }

  /** Returns how long the ack that is sent now was delayed, in ms. */
  delay(): number {
    return Math.max(0, Math.floor(this.#options.scheduler.now() - this.#processedAt));
  }

  /** Records that an ack of all messages up to `done` is sent. */
  sent(done: number): void {
    this.isDue = this.isOwed = false;
    this.#acked = done;
    this.#batches = 0;
    this.#processedAt = Infinity;
    this.#deadline = Infinity;
  }

  /** Starts behind `done`, with the numbers of another sender. */
  begin(done: number): void {
    this.sent(done);
    this.#promptUpTo = 0;
  }

  /** Starts with a new connection, whose first ack is not delayed. */
  restart(): void {
    this.#processedAt = Infinity;
    this.isDue = false;
    this.demand();
  }

  clear(): void {
    this.#alarm?.clear();
  }

  #setAlarm(delay: number): void {
    this.#alarm ??= createCoalescedTimer(this.#options.scheduler, () => this.#ring());
    this.#alarm.clear();
    this.#alarm.set(delay);
    this.#alarmAt = this.#options.scheduler.now() + delay;
  }

  #ring(): void {
    this.#alarmAt = Infinity;
    if (!this.isOwed || this.#deadline === Infinity) return;
    const left = this.#deadline - this.#options.scheduler.now();
    if (left <= 0) this.demand();
    else this.#setAlarm(left);
  }
}
