import type { SchedulerLike } from 'rxjs';
import { ConnectionLostError, OverflowError, ProtocolError } from '../../errors.js';
import { createCoalescedTimer } from '../../internal/coalescedTimer.js';
import { CloseCode } from '../../link/closeCode.js';
import type { EndpointParts } from '../../session/endpointParts.js';
import type { BatchFrame } from '../../session/protocol/frames.js';
import type { Report } from '../../session/sessionEvents.js';
import type { Bucket, Rates } from './rateLimit.js';

/**
 * Slows one client down to its rate limit. It delays the acks of numbered messages, so that the
 * client waits, and drops messages without numbers.
 */
export interface Throttle extends Required<Pick<EndpointParts, 'ackable' | 'admit'>> {
  /** Returns the highest number that was acked. */
  readonly acked: () => number;
  /** Returns whether no ack is delayed. */
  readonly isIdle: () => boolean;
  /**
   * Ends the limit: from now on messages are acked as soon as they are processed. For a client that
   * sends no more.
   */
  readonly release: () => void;
}

export interface ThrottleOptions {
  readonly rates: Rates;
  readonly bucket: Bucket;
  readonly life: EndpointParts['life'];
  readonly scheduler: SchedulerLike;
  readonly report: Report;
  /** Called when more messages can be acked. */
  readonly onTime: () => void;
}

/** How often delayed acks are sent, in ms. */
const ACK_INTERVAL = 50;

/** @param start The highest number that was acked before. */
export function createThrottle(start: number, { rates, bucket, life, scheduler, report, onTime }: ThrottleOptions): Throttle {
  const { window, perSecond } = rates;
  const timer = createCoalescedTimer(scheduler, onTime);
  let acked = start;
  let dropped = 0;
  let isReleased = false;
  let isCaughtUp = true;
  life.add(() => timer.clear());

  /**
   * Returns false when the messages are dropped.
   * @throws {ConnectionLostError} When the client does
   * not slow down.
   */
  const admitUnnumbered = (count: number): boolean => {
    if (isReleased || bucket.take(count) === count) {
      dropped = 0;
      return true;
    }
    dropped += count;
    report({ kind: 'error', error: new OverflowError('messages a second', perSecond) });
    if (dropped > window) throw new ConnectionLostError(CloseCode.FLOOD, 'the client sent too many messages');
    return false;
  };
  return {
    ackable(done) {
      acked = isReleased ? done : acked + bucket.take(done - acked);
      isCaughtUp = acked === done;
      if (!isCaughtUp) timer.set(Math.max(ACK_INTERVAL, bucket.wait(1)));
      return acked;
    },
    admit({ first, count }: BatchFrame) {
      if (first === 0) return admitUnnumbered(count);
      // A batch that is larger than the window may be sent when no other message is in flight.
      if (first > acked + 1 && first + count - 1 > acked + window) throw new ProtocolError('the window was exceeded');
      return true;
    },
    acked: () => acked,
    isIdle: () => isCaughtUp,
    release() {
      isReleased = true;
      onTime();
    },
  };
}
