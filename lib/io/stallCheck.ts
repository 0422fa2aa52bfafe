import type { SchedulerLike } from 'rxjs';
import { ConnectionLostError } from '../message/errors.js';
import { SLOW_READER } from '../message/closeCode.js';

export interface StallOptions {
  /** Bytes that may wait for a slow peer for longer than `stallTimeout`. @default 16 MiB */
  readonly maxBuffered?: number;
  /**
   * How long more than `maxBuffered` bytes may wait, in ms. After that, the next frame ends the
   * link with close code 4413.
   * @default 10_000
   */
  readonly stallTimeout?: number;
}

/**
 * Creates a function to be called before each frame is sent. It throws a `ConnectionLostError` when
 * too many bytes have waited for too long.
 *
 * @param buffered Returns the number of bytes that wait for the peer.
 */
export function createStallCheck(
  { maxBuffered = 16 * 1024 * 1024, stallTimeout = 10_000 }: StallOptions,
  scheduler: SchedulerLike,
  buffered: () => number,
): () => void {
  let stalledAt = Infinity;
  return () => {
    if (buffered() <= maxBuffered) {
      stalledAt = Infinity;
      return;
    }
    // A large burst is no fault of the peer: a link that ended for it would end again at each
    // attempt to send the burst.
    const now = scheduler.now();
    stalledAt = Math.min(stalledAt, now);
    if (now - stalledAt >= stallTimeout) throw new ConnectionLostError(SLOW_READER, 'the peer reads too slowly');
  };
}
