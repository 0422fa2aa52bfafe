import type { SchedulerLike } from 'rxjs';
import { createCoalescedTimer, type CoalescedTimer } from '../../internal/coalescedTimer.js';

/** Batches that may come before an ack goes, whatever wait they allow. */
const MAX_UNACKED_BATCHES = 64;

export interface AckPolicyOptions {
  readonly scheduler: SchedulerLike;
  /** Called when an ack must go at the end of the microtask. */
  readonly onDue: () => void;
}

/**
 * Decides when an ack goes, as QUIC does (RFC 9000, section 13.2): with the next batch of the other direction, or alone when the sender waits for it, when
 * the wait that the sender allows has passed, or after 64 batches.
 */
export class AckPolicy {
  /** Whether an ack must go at the end of the microtask. */
  isDue = false;
  /** Whether an ack is still to go: it may travel with a batch. */
  isOwed = false;
  readonly #options: AckPolicyOptions;
  /** The highest number that was acked. */
  #acked = 0;
  /** The highest number whose ack must not wait. */
  #promptUpTo = 0;
  /** How long an ack may wait behind the processing of its message, in ms: the shortest of what the batches say that are not acked. */
  #wait = 0;
  #batches = 0;
  /** When the ack that waits must go. */
  #deadline = Infinity;
  /** When the last message was processed whose ack waits. */
  #processedAt = 0;
  /** Made when an ack waits. It is not cleared for an ack that has gone meanwhile. */
  #alarm: CoalescedTimer | undefined;
  #alarmAt = Infinity;

  constructor(options: AckPolicyOptions) {
    this.#options = options;
  }

  /** A batch has come, whose last number is `last`, and whose ack may wait so many ms. */
  received(last: number, wait: number): void {
    if (wait === 0) {
      // A batch that comes again may be older.
      this.#promptUpTo = Math.max(this.#promptUpTo, last);
      this.demand();
      return;
    }
    if (this.#batches++ === 0 || wait < this.#wait) this.#wait = wait;
    if (this.#batches >= MAX_UNACKED_BATCHES) this.demand();
  }

  /** More messages are processed: all up to `done`. */
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

  /** An ack must go at once. */
  demand(): void {
    this.isOwed = true;
    if (this.isDue) return;
    this.isDue = true;
    this.#options.onDue();
  }

  /** Returns how long the ack that goes now was kept back, in ms. */
  delay(): number {
    return this.#processedAt === 0 ? 0 : Math.max(0, Math.floor(this.#options.scheduler.now() - this.#processedAt));
  }

  /** An ack of all messages up to `done` goes. */
  sent(done: number): void {
    this.isDue = this.isOwed = false;
    this.#acked = done;
    this.#batches = this.#processedAt = 0;
    this.#deadline = Infinity;
  }

  /** The numbers of another sender begin behind `done`. */
  begin(done: number): void {
    this.sent(done);
    this.#promptUpTo = 0;
  }

  /** A connection begins, with an ack that is not kept back. */
  restart(): void {
    this.#processedAt = 0;
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
