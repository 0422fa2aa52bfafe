import { byteLength } from '../../internal/byteLength.js';
import type { Connection } from '../connection.js';
import { controlFrame, MAX_BATCH } from '../protocol/frames.js';
import { MAX_REJECTIONS, rejectionFields, type RejectionFields } from '../protocol/rejections.js';
import type { LimitedTarget } from '../send/encodingTarget.js';
import type { NumberedRejection } from '../store/inbox.js';
import type { AckTracker } from './ackTracker.js';
import type { Receiver } from './receiver.js';

/**
 * Sends rejections before the ack of their numbers, and again over each connection until the sender
 * has received that ack.
 */
export class RejectionSender {
  /** Whether the other side reads rejections. */
  isSupported = false;
  /** The rejections that go out before the next ack. */
  #unsent: NumberedRejection[] = [];
  readonly #receiver: () => Receiver;
  readonly #window: number;
  readonly #target: Pick<LimitedTarget, 'maxReceived'>;

  /**
   * @param window The maximum number of unacked messages.
   * @param target Tells how many bytes of a frame the other side accepts.
   */
  constructor(receiver: () => Receiver, window: number, target: Pick<LimitedTarget, 'maxReceived'>) {
    this.#receiver = receiver;
    this.#window = window;
    this.#target = target;
  }

  /**
   * Records rejections. Returns whether an ack must follow: not for those of an earlier session.
   */
  add(rejections: readonly NumberedRejection[], tracker: AckTracker): boolean {
    tracker.reject(rejections);
    if (tracker !== this.#receiver().tracker) return false;
    this.#unsent.push(...rejections);
    return true;
  }

  /**
   * Starts with a connection: the sender may not have received the rejections of an earlier one.
   */
  restart(isSupported: boolean): void {
    this.isSupported = isSupported;
    this.#unsent = [...(this.#receiver().tracker.rejections ?? [])];
  }

  /** Sends what is unsent. To be called before each ack. */
  flush(connection: Connection): void {
    const { rx, tracker } = this.#receiver();
    // A sender whose number arrives has received the acks of all numbers that are more than a
    // window below.
    tracker.forget(rx - Math.max(this.#window, MAX_BATCH));
    if (this.#unsent.length === 0) return;
    const rejections = this.#unsent;
    this.#unsent = [];
    if (!this.isSupported) return;
    for (const group of grouped(rejections, this.#target.maxReceived - FRAME_BYTES)) connection.send(controlFrame('reject', group));
  }
}

/** Bytes of a frame without its rejections. */
const FRAME_BYTES = '["reject",[]]'.length;

/**
 * Returns the fields of the rejections by frame. A rejection that is too large for a frame is sent
 * without its reason.
 */
function grouped(rejections: readonly NumberedRejection[], maxBytes: number): readonly (readonly RejectionFields[])[] {
  const groups: RejectionFields[][] = [];
  let last: RejectionFields[] = [];
  let bytes = Infinity;
  for (const rejection of rejections) {
    let fields = rejectionFields(rejection);
    let size = bytesOf(fields);
    if (size > maxBytes) {
      fields = rejectionFields({ ...rejection, reason: '' });
      size = bytesOf(fields);
    }
    bytes += size + 1;
    if (bytes > maxBytes || last.length === MAX_REJECTIONS) {
      groups.push((last = []));
      bytes = size;
    }
    last.push(fields);
  }
  return groups;
}

const bytesOf = (fields: RejectionFields): number => byteLength(JSON.stringify(fields));
