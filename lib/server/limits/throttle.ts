import type { SchedulerLike } from 'rxjs';
import { ConnectionLostError, OverflowError, ProtocolError } from '../../errors.js';
import { createCoalescedTimer } from '../../internal/coalescedTimer.js';
import { CloseCode } from '../../link/closeCode.js';
import type { BatchFrame } from '../../session/protocol/frames.js';
import type { EndpointParts } from '../../session/endpointParts.js';
import type { Report } from '../../session/sessionEvents.js';
import type { Bucket, Rates } from './rateLimit.js';

/** Slows one client to what it may send: messages with numbers by acking them later, so that it waits; those without by dropping what is too much. */
export interface Throttle extends Required<Pick<EndpointParts, 'ackable' | 'admit'>> {
  /** All up to here was acked. */
  readonly acked: () => number;
  /** Whether nothing is held back. */
  readonly isIdle: () => boolean;
  /** From now on all is acked as soon as it is processed: there will be no more. */
  readonly release: () => void;
}

export interface ThrottleOptions {
  readonly rates: Rates;
  readonly bucket: Bucket;
  readonly life: EndpointParts['life'];
  readonly scheduler: SchedulerLike;
  readonly report: Report;
  /** More can be acked. */
  readonly onTime: () => void;
}

/** How often acks go that were held back, in ms, while there are any. */
const EVERY = 50;

/** @param start All up to here was acked before. */
export function createThrottle(start: number, { rates, bucket, life, scheduler, report, onTime }: ThrottleOptions): Throttle {
  const { window, perSecond } = rates;
  const alarm = createCoalescedTimer(scheduler, onTime);
  let acked = start;
  let dropped = 0;
  let isReleased = false;
  let isCaughtUp = true;
  life.add(() => alarm.clear());

  /** False, when it is dropped. Who goes on all the same is closed. */
  const admitUnsure = (count: number): boolean => {
    if (isReleased || bucket.take(count) === count) {
      dropped = 0;
      return true;
    }
    dropped += count;
    report({ kind: 'error', error: new OverflowError('messages a second', perSecond) });
    if (dropped > window) throw new ConnectionLostError(CloseCode.FLOOD, 'too many messages');
    return false;
  };
  return {
    ackable(done) {
      acked = isReleased ? done : acked + bucket.take(done - acked);
      isCaughtUp = acked === done;
      if (!isCaughtUp) alarm.set(Math.max(EVERY, bucket.wait(1)));
      return acked;
    },
    admit({ first, count }: BatchFrame) {
      if (first === 0) return admitUnsure(count);
      // A batch that is larger than the window may come alone, as ever.
      if (first > acked + 1 && first + count - 1 > acked + window) throw new ProtocolError('more than the window');
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
