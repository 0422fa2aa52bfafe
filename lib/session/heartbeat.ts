import { ignoreElements, interval, tap, type Observable, type SchedulerLike } from 'rxjs';
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
  readonly scheduler: SchedulerLike;
}

/**
 * Asks when the other side was not heard for `every` ms, and fails when it was not heard for twice that; 2.5 times at most, as it looks
 * twice in `every`. It counts looks, and not the time: a tab that slept looks and asks before it judges.
 */
export function heartbeat({ every, wasHeard, isWaiting, ping, scheduler }: HeartbeatOptions): Observable<never> {
  let quiet = 0;
  const look = (): void => {
    quiet = wasHeard() ? 0 : quiet + 1;
    if (quiet === 4) throw new ConnectionLostError(SILENT, `not heard for ${2 * every} ms`);
    if (quiet >= 2 || isWaiting()) ping();
  };
  return interval(every / 2, scheduler).pipe(tap(look), ignoreElements());
}
