import type { SchedulerLike } from 'rxjs';
import { createCoalescedTimer } from '../../internal/coalescedTimer.js';
import type { HandlerRun } from './handlerRun.js';

/**
 * Sends progress of all requests: the first report at once, then the latest of each request per
 * interval.
 */
export interface ProgressReports {
  readonly add: (run: HandlerRun, progress: unknown) => void;
  /** Sends the pending report of a request before another reply. */
  flush(run: HandlerRun): void;
  /** Discards the pending report of a request. */
  readonly forget: (run: HandlerRun) => void;
  readonly clear: () => void;
}

export function createProgressReports(
  interval: number,
  scheduler: SchedulerLike,
  send: (run: HandlerRun, progress: unknown) => void,
): ProgressReports {
  const latest = new Map<HandlerRun, unknown>();
  let isQuiet = true;
  const timer = createCoalescedTimer(scheduler, () => {
    isQuiet = latest.size === 0;
    if (!isQuiet) timer.set(interval);
    for (const run of [...latest.keys()]) reports.flush(run);
  });

  const reports: ProgressReports = {
    add(run, progress) {
      latest.set(run, progress);
      if (!isQuiet) return;
      isQuiet = false;
      timer.set(interval);
      reports.flush(run);
    },
    flush(run) {
      if (!latest.has(run)) return;
      const progress = latest.get(run);
      latest.delete(run);
      send(run, progress);
    },
    forget: (run) => void latest.delete(run),
    clear() {
      latest.clear();
      timer.clear();
    },
  };
  return reports;
}
