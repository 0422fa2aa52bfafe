import type { Connection } from '../connection.js';
import { controlFrame, MAX_BATCH } from '../protocol/frames.js';
import { MAX_REJECTIONS, rejectionFields } from '../protocol/rejections.js';
import type { NumberedRejection } from '../store/inbox.js';
import type { AckTracker } from './ackTracker.js';
import type { Receiver } from './receiver.js';

/** Sends rejections before the ack of their numbers, and again over each connection until the sender has received that ack. */
export class RejectionSender {
  /** Whether the other side reads rejections. */
  isSupported = false;
  /** The rejections that go out before the next ack. */
  #unsent: NumberedRejection[] = [];
  readonly #receiver: () => Receiver;
  readonly #window: number;

  /** @param window The maximum number of unacked messages. */
  constructor(receiver: () => Receiver, window: number) {
    this.#receiver = receiver;
    this.#window = window;
  }

  /** Records rejections. Returns whether an ack must follow: not for those of an earlier session. */
  add(rejections: readonly NumberedRejection[], tracker: AckTracker): boolean {
    tracker.reject(rejections);
    if (tracker !== this.#receiver().tracker) return false;
    this.#unsent.push(...rejections);
    return true;
  }

  /** Starts with a connection: the sender may not have received the rejections of an earlier one. */
  restart(isSupported: boolean): void {
    this.isSupported = isSupported;
    this.#unsent = [...(this.#receiver().tracker.rejections ?? [])];
  }

  /** Sends what is unsent. To be called before each ack. */
  flush(connection: Connection): void {
    const { rx, tracker } = this.#receiver();
    // A sender whose number arrives has received the acks of all numbers that are more than a window below.
    tracker.forget(rx - Math.max(this.#window, MAX_BATCH));
    if (this.#unsent.length === 0) return;
    const rejections = this.#unsent;
    this.#unsent = [];
    for (let at = 0; this.isSupported && at < rejections.length; at += MAX_REJECTIONS)
      connection.send(controlFrame('reject', rejections.slice(at, at + MAX_REJECTIONS).map(rejectionFields)));
  }
}
