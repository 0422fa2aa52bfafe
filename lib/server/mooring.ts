import type { SchedulerLike } from 'rxjs';
import { PeerGoneError } from '../errors.js';
import type { Berth } from './berth.js';

/** The berths whose clients are away. */
export interface Mooring {
  readonly onDetached: (berth: Berth) => void;
  readonly onAttached: (berth: Berth) => void;
}

/** When too many are away, the one that is so for longest has its wire ended. */
export function createMooring(maxDetached: number, scheduler: SchedulerLike): Mooring {
  // Since when, the longest first.
  const detached = new Map<Berth, number>();
  return {
    onDetached(berth) {
      const now = scheduler.now();
      detached.set(berth, now);
      if (detached.size <= maxDetached) return;
      const [[oldest, since] = [berth, now]] = detached;
      oldest.attachments$.error(new PeerGoneError(now - since));
    },
    onAttached: (berth) => void detached.delete(berth),
  };
}
