import type { SchedulerLike } from 'rxjs';

/**
 * The transactions of a log: `shared` with all logs; `serial`, in one transaction at a time,
 * which such logs share; `alone`, in transactions of its own.
 */
export type Sharing = 'shared' | 'serial' | 'alone';

/** How long a log keeps its restriction, in ms. */
const DURATION = 30_000;
/** The maximum number of restricted logs. Above it, the oldest restriction is removed. */
const MAX_LOGS = 10_000;

/** The logs whose transactions have conflicted with others, and are restricted for 30 s. */
export interface ConflictingLogs {
  readonly sharingOf: (log: string) => Sharing;
  readonly restrict: (logs: readonly string[], sharing: Sharing) => void;
}

export function createConflictingLogs(scheduler: SchedulerLike): ConflictingLogs {
  /** The oldest restriction is the first. */
  const restrictions = new Map<string, { readonly sharing: Sharing; readonly end: number }>();
  return {
    sharingOf(log) {
      const restriction = restrictions.get(log);
      return restriction && scheduler.now() < restriction.end ? restriction.sharing : 'shared';
    },
    restrict(logs, sharing) {
      const now = scheduler.now();
      for (const log of logs) {
        restrictions.delete(log);
        restrictions.set(log, { sharing, end: now + DURATION });
      }
      for (const [log, { end }] of restrictions) {
        if (now < end && restrictions.size <= MAX_LOGS) break;
        restrictions.delete(log);
      }
    },
  };
}
