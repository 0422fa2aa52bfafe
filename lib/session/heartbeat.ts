import { ignoreElements, interval, merge, tap, type Observable, type SchedulerLike } from 'rxjs';
import { ConnectionLostError } from '../errors.js';
import { SILENT } from '../link/closeCode.js';

export interface HeartbeatOptions {
  /** How often the other side must be heard, in ms. */
  readonly every: number;
  /** Whether it was heard since the last call. */
  readonly wasHeard: () => boolean;
  /** Whether there is a reason to ask even though it is heard. */
  readonly isWaiting: () => boolean;
  readonly ping: () => void;
  /** Emits when timers may have been asleep until now, or something has befallen the network. @default never */
  readonly woken$?: Observable<unknown>;
  readonly scheduler: SchedulerLike;
}

/**
 * Asks when the other side was not heard for `every` ms, and fails when it was not heard for twice that; 2.5 times at most, as it looks
 * twice in `every`.
 *
 * It counts looks, and not the time. Who is woken, or finds a look late by more than another, has been asleep: what came meanwhile may be still to be
 * read. So it asks first, and then gives at least `every` for an answer. It does so once for each silence: timers of a hidden tab are always late.
 *
 * For one subscription.
 */
export function heartbeat({ every, wasHeard, isWaiting, ping, woken$, scheduler }: HeartbeatOptions): Observable<never> {
  const half = every / 2;
  let quiet = 0;
  let due = scheduler.now() + half;
  let hasAsked = false;

  const ask = (): void => {
    if (!hasAsked) quiet = Math.min(quiet, 1);
    hasAsked = true;
    ping();
  };
  const look = (): void => {
    const isLate = scheduler.now() - due > half;
    due = scheduler.now() + half;
    if (wasHeard()) {
      quiet = 0;
      hasAsked = false;
    } else quiet++;
    if (quiet > 0 && isLate && !hasAsked) ask();
    else if (quiet === 4) throw new ConnectionLostError(SILENT, `not heard for ${2 * every} ms`);
    else if (quiet >= 2 || isWaiting()) ping();
  };
  const looks$ = interval(half, scheduler).pipe(tap(look));
  return (woken$ ? merge(looks$, woken$.pipe(tap(ask))) : looks$).pipe(ignoreElements());
}
