import type { SchedulerLike } from 'rxjs';
import type { ReceiveProgress } from '../../core/receiveProgress.js';
import type { Rejection } from '../../core/rejection.js';
import { OverflowError } from '../../message/errors.js';
import { createCoalescedTimer, type CoalescedTimer } from '../../operators/timing/coalescedTimer.js';
import { createRing, type Ring } from '../../operators/buffers/ring.js';
import type { Bucket, Rates } from '../limits/rateLimit.js';

/** A message that is processed, or rejected, and whose ack waits. */
type ProcessedMessage = readonly [number: number, progress: ReceiveProgress, rejection: Rejection | undefined];

export interface ThrottledClient {
  /** The message counts as processed now: its ack may be sent. */
  release(...message: ProcessedMessage): void;
  reportError(error: OverflowError): void;
  /** Ends the connection: the client does not slow down. */
  flooded(): void;
}

/** How often acks that wait are sent, in ms. */
const ACK_INTERVAL = 50;

/**
 * Slows one client down to its rate limit. It delays the acks of numbered messages, so that the
 * window of the client is used up, and drops messages without numbers.
 */
export class ClientThrottle {
  /** The number of messages whose acks did not have to wait any more. */
  released = 0;
  readonly #client: ThrottledClient;
  readonly #rates: Rates;
  readonly #bucket: Bucket;
  /** To be called when the session has ended. */
  readonly #leave: () => void;
  readonly #timer: CoalescedTimer;
  #waiting: Ring<ProcessedMessage> | undefined;
  /** The number of messages without numbers that were dropped in a row. */
  #dropped = 0;
  #isOver = false;

  constructor(client: ThrottledClient, rates: Rates, owner: string | undefined, scheduler: SchedulerLike) {
    this.#client = client;
    this.#rates = rates;
    const { bucket, leave } = rates.enter(owner);
    this.#bucket = bucket;
    this.#leave = leave;
    this.#timer = createCoalescedTimer(scheduler, () => this.#releaseNext());
  }

  processed(...message: ProcessedMessage): void {
    (this.#waiting ??= createRing()).push(message);
    this.#releaseNext();
  }
  /** Returns whether a message without a number may be delivered. */
  allows(): boolean {
    if (this.#isOver || this.#bucket.take(1) === 1) {
      this.#dropped = 0;
      return true;
    }
    const { window, perSecond } = this.#rates;
    this.#client.reportError(new OverflowError('messages a second', perSecond));
    if (++this.#dropped > window) this.#client.flooded();
    return false;
  }
  /** Ends the limit, for a client that sends no more. */
  end(): void {
    this.#isOver = true;
    this.#releaseNext();
  }
  leave(): void {
    this.#timer.clear();
    this.#leave();
  }

  #releaseNext(): void {
    const { size = 0 } = this.#waiting ?? {};
    const count = this.#isOver ? size : this.#bucket.take(size);
    this.released += count;
    for (let left = count; left > 0; left--) this.#client.release(...(this.#waiting?.shift() as ProcessedMessage));
    if (count < size) this.#timer.set(Math.max(ACK_INTERVAL, this.#bucket.wait(1)));
  }
}
