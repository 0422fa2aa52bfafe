import type { SchedulerLike } from 'rxjs';

/**
 * The transactions of a sender: `shared` with all senders; `serial`, in one transaction at a time,
 * which such senders share; `alone`, in transactions of its own.
 */
export type Sharing = 'shared' | 'serial' | 'alone';

/** How long a sender keeps its restriction, in ms. */
const DURATION = 30_000;
/** The maximum number of restricted senders. Above it, the oldest restriction is removed. */
const MAX_SENDERS = 10_000;

/** The senders whose transactions have conflicted with others, and are restricted for 30 s. */
export interface ConflictingSenders {
  readonly sharingOf: (pid: string) => Sharing;
  readonly restrict: (pids: readonly string[], sharing: Sharing) => void;
}

export function createConflictingSenders(scheduler: SchedulerLike): ConflictingSenders {
  /** The oldest restriction is the first. */
  const restrictions = new Map<string, { readonly sharing: Sharing; readonly end: number }>();
  return {
    sharingOf(pid) {
      const restriction = restrictions.get(pid);
      return restriction && scheduler.now() < restriction.end ? restriction.sharing : 'shared';
    },
    restrict(pids, sharing) {
      const now = scheduler.now();
      for (const pid of pids) {
        restrictions.delete(pid);
        restrictions.set(pid, { sharing, end: now + DURATION });
      }
      for (const [pid, { end }] of restrictions) {
        if (now < end && restrictions.size <= MAX_SENDERS) break;
        restrictions.delete(pid);
      }
    },
  };
}
