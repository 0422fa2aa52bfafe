import { byteLength } from '../internal/bytes.js';
import type { Frame } from '../link/link.js';

/** The traffic over the connections of a session. */
export interface ByteCounts {
  bytesSent: number;
  bytesReceived: number;
  /** The time of the last frame, in ms of the clock of the scheduler. */
  activeAt?: number;
}

/** Counts the bytes of a frame, and records the time. @param now That of the scheduler. */
export function countFrame(counts: ByteCounts | undefined, direction: 'bytesSent' | 'bytesReceived', frame: Frame, now: number): void {
  if (!counts) return;
  counts[direction] += typeof frame === 'string' ? byteLength(frame) : frame.length;
  counts.activeAt = now;
}
