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
  /** Called when it was not heard for so many looks: that may end it. @default nothing is done */
  readonly onQuiet?: ((looks: number) => void) | undefined;
  /** How often it was looked already, and nothing was heard. @default 0 */
  readonly quiet?: number;
  /** Emits when timers may have been asleep until now, or something has befallen the network. @default never */
  readonly woken$?: Observable<unknown> | undefined;
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
export function heartbeat({
  every,
  wasHeard,
  isWaiting,
  ping,
  onQuiet,
  woken$,
  scheduler,
  quiet = 0,
}: HeartbeatOptions): Observable<never> {
  const half = every / 2;
  const silence: Silence = { quiet, hasAsked: false };
  let due = scheduler.now() + half;

  const look = (): void => {
    const isLate = scheduler.now() - due > half;
    due = scheduler.now() + half;
    note(silence, wasHeard());
    if (mustAsk(silence, isLate, every) || isWaiting()) ping();
    if (silence.quiet > 0) onQuiet?.(silence.quiet);
  };
  const wake = (): void => {
    ask(silence);
    ping();
  };
  const looks$ = interval(half, scheduler).pipe(tap(look));
  return (woken$ ? merge(looks$, woken$.pipe(tap(wake))) : looks$).pipe(ignoreElements());
}

/** For how long nothing was heard. */
export interface Silence {
  /** How often it was looked since. */
  quiet: number;
  /** Whether it was asked because it may have been us who slept. */
  hasAsked: boolean;
}

/** It is looked whether something was heard since the last look. */
export function note(silence: Silence, wasHeard: boolean): void {
  silence.quiet = wasHeard ? 0 : silence.quiet + 1;
  silence.hasAsked &&= !wasHeard;
}

/**
 * Whether the other side must be asked, after a look that was late or not.
 *
 * @throws {ConnectionLostError} When it was silent for too long.
 */
export function mustAsk(silence: Silence, isLate: boolean, every: number): boolean {
  if (silence.quiet > 0 && isLate && !silence.hasAsked) ask(silence);
  else if (silence.quiet >= 4) throw new ConnectionLostError(SILENT, `not heard for ${2 * every} ms`);
  else return silence.quiet >= 2;
  return true;
}

function ask(silence: Silence): void {
  if (!silence.hasAsked) silence.quiet = Math.min(silence.quiet, 1);
  silence.hasAsked = true;
}
