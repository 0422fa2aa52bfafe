import type { SchedulerLike } from 'rxjs';
import { createCoalescedTimer } from '../../internal/coalescedTimer.js';
import type { HandlerRun } from './handlerRun.js';

/**
 * Sends progress of all requests: the first report at once, then the latest of each request per
 * interval.
 */
export function createProgressReports(interval: number, scheduler: SchedulerLike, send: (run: HandlerRun, progress: unknown) => void) {
  const latest = new Map<HandlerRun, unknown>();
  let isQuiet = true;
  const timer = createCoalescedTimer(scheduler, () => {
    isQuiet = latest.size === 0;
    if (!isQuiet) timer.set(interval);
    for (const run of [...latest.keys()]) reports.flush(run);
  });

  const reports = {
    add(run: HandlerRun, progress: unknown): void {
      latest.set(run, progress);
      if (!isQuiet) return;
      isQuiet = false;
      timer.set(interval);
      reports.flush(run);
    },
    /** Sends the pending report of a request before another reply. */
    flush(run: HandlerRun): void {
      if (!latest.has(run)) return;
      const progress = latest.get(run);
      latest.delete(run);
      send(run, progress);
    },
    /** Discards the pending report of a request. */
    forget: (run: HandlerRun): void => void latest.delete(run),
    clear(): void {
      latest.clear();
      timer.clear();
    },
  };
  return reports;
}
