import type { SchedulerLike } from 'rxjs';
import { createCoalescedTimer } from '../../internal/coalescedTimer.js';
import type { Message } from '../../message/types.js';

/**
 * Sends progress of all requests: the first report at once, then the latest of each request per
 * interval.
 */
export interface ProgressReports {
  readonly add: (request: Message, progress: unknown) => void;
  /** Sends the pending report of a request before another reply. */
  flush(request: Message): void;
  /** Discards the pending report of a request. */
  readonly forget: (request: Message) => void;
  readonly clear: () => void;
}

export function createProgressReports(
  interval: number,
  scheduler: SchedulerLike,
  send: (request: Message, progress: unknown) => void,
): ProgressReports {
  const latest = new Map<Message, unknown>();
  let isQuiet = true;
  const timer = createCoalescedTimer(scheduler, () => {
    isQuiet = latest.size === 0;
    if (!isQuiet) timer.set(interval);
    for (const request of [...latest.keys()]) reports.flush(request);
  });

  const reports: ProgressReports = {
    add(request, progress) {
      latest.set(request, progress);
      if (!isQuiet) return;
      isQuiet = false;
      timer.set(interval);
      reports.flush(request);
    },
    flush(request) {
      if (!latest.has(request)) return;
      const progress = latest.get(request);
      latest.delete(request);
      send(request, progress);
    },
    forget: (request) => void latest.delete(request),
    clear() {
      latest.clear();
      timer.clear();
    },
  };
  return reports;
}
