import type { SchedulerLike } from 'rxjs';
import { ConnectionLostError } from '../errors.js';
import { SLOW_READER } from './closeCode.js';

export interface StallOptions {
  /** Bytes that may wait for a slow peer for longer than `stallTimeout`. @default 16 MiB */
  readonly maxBuffered?: number;
  /** How long more than that may wait, in ms; who sends on then loses the link with close code 4413. @default 10_000 */
  readonly stallTimeout?: number;
}

/**
 * To be called before each frame that is sent.
 *
 * @param buffered Bytes that wait for the peer.
 * @throws {ConnectionLostError} When too much has waited for too long.
 */
export function createRoomCheck(
  { maxBuffered = 16 * 1024 * 1024, stallTimeout = 10_000 }: StallOptions,
  scheduler: SchedulerLike,
  buffered: () => number,
): () => void {
  let stalledAt = Infinity;
  return () => {
    // Much at once is no fault of the peer: whoever sends it again and again would never come to an end.
    stalledAt = buffered() > maxBuffered ? Math.min(stalledAt, scheduler.now()) : Infinity;
    if (scheduler.now() - stalledAt >= stallTimeout) throw new ConnectionLostError(SLOW_READER, 'the peer reads too slowly');
  };
}
