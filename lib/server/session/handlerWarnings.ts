import type { SchedulerLike } from 'rxjs';
import type { RxwireError } from '../../message/errors.js';
import { reportUncaught } from '../../message/errors/reportUncaught.js';

const MINUTE = 60_000;
/** The maximum number of types with a warning in a minute: a peer chooses the types. */
const MAX_TYPES = 100;

/** When each type had its latest warning, by the clock that measured it. */
const warnings = /* @__PURE__ */ new WeakMap<SchedulerLike, Map<string, number>>();

/** Reports the failure of a handler as an uncaught error: one for each type and minute. */
export function warnOfHandler(error: RxwireError, type: string, scheduler: SchedulerLike): void {
  const now = scheduler.now();
  const warned = warnings.get(scheduler) ?? new Map<string, number>();
  warnings.set(scheduler, warned);
  for (const [one, at] of warned) if (Math.abs(now - at) >= MINUTE) warned.delete(one);
  if (warned.has(type) || warned.size >= MAX_TYPES) return;
  warned.set(type, now);
  reportUncaught(error);
}
