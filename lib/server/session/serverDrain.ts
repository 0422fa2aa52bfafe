import { defer, EMPTY, ignoreElements, interval, takeUntil, takeWhile, tap, type Observable } from 'rxjs';
import { longTimer } from '../../operators/timing/longTimer.js';
import type { FullServeOptions } from '../serverOptions.js';
import type { ServedSession } from './servedSession.js';

/** The session of a client while the server stops. */
export type Drained = Pick<ServedSession, 'bye' | 'isDrained' | 'end' | 'endDrain'>;

interface DrainingOptions extends Pick<FullServeOptions, 'retryAfter' | 'drainTimeout' | 'scheduler'> {
  readonly random: () => number;
  /**
   * Whether the sessions leave by and by, within half of `drainTimeout`: those who take them over
   * are not to get all of them at once.
   */
  readonly isPaced: boolean;
}

/** The interval in which the server checks whether sessions are drained, in ms. */
const CHECK_INTERVAL = 20;

/**
 * The time in which one client returns, in ms: a handshake takes a third of it or, with a store,
 * all.
 */
const PER_CLIENT = 1;

/** The least number of sessions that leave between two checks. */
const MIN_PER_CHECK = 4;

/**
 * Drains all sessions, and lets each client go when its session is drained; completes when all are,
 * or after `drainTimeout`. The clients return after `retryAfter`, within a further `retryAfter` or
 * 1 ms for each client, so that the next server does not get all of them at once.
 */
export function drain(
  all: readonly Drained[],
  { retryAfter, drainTimeout, random, scheduler, isPaced }: DrainingOptions,
): Observable<never> {
  return defer(() => {
    const waiting = [...all];
    const spread = Math.max(retryAfter, isPaced ? 0 : all.length * PER_CLIENT);
    const share = isPaced ? Math.max(MIN_PER_CHECK, Math.ceil((2 * all.length * CHECK_INTERVAL) / drainTimeout)) : all.length;
    /** The sessions that are not drained, with whether they were at the last check. */
    const left = new Map<Drained, boolean>();
    const begin = (): void => {
      for (const one of waiting.splice(0, share)) {
        one.bye(Math.round(retryAfter + random() * spread));
        left.set(one, false);
      }
    };
    const check = (): void => {
      for (const [one, was] of left) {
        const is = one.isDrained();
        left.set(one, is);
        // Checks twice: the ack of a message follows a moment after its processing.
        if (!is || !was) continue;
        left.delete(one);
        one.end('stopped');
      }
      begin();
    };
    begin();
    if (all.length === 0) return EMPTY;
    return interval(CHECK_INTERVAL, scheduler).pipe(
      tap(check),
      takeWhile(() => left.size > 0),
      takeUntil(
        longTimer(drainTimeout, scheduler).pipe(tap(() => [...left.keys(), ...waiting].forEach((one) => one.endDrain(drainTimeout)))),
      ),
      ignoreElements(),
    );
  });
}
