import { ignoreElements, merge, tap, timer, type Observable, type SchedulerLike } from 'rxjs';
import { ConnectionLostError } from '../errors.js';
import { SILENT } from '../link/closeCode.js';

/**
 * The default interval in which each side must be heard, in ms. The server chooses it, and tells
 * its clients.
 */
export const PING_INTERVAL = 15_000;

export interface HeartbeatOptions {
  /** The interval in which the other side must send at least one frame, in ms. */
  readonly every: number;
  /** The caller sets `isHeard` with each frame; the heartbeat updates the rest. */
  readonly silence: Silence;
  /** Returns whether the heartbeat must ping although the other side sends frames. */
  readonly isWaiting: () => boolean;
  readonly ping: () => void;
  /**
   * Emits when timers may not have run until now, or the network may have changed.
   * @default never
   */
  readonly woken$?: Observable<unknown> | undefined;
  readonly scheduler: SchedulerLike;
}

/**
 * Pings when the other side was silent for `every` ms, and fails when it was silent for two to two
 * and a half intervals: the heartbeat checks twice in each.
 *
 * The heartbeat counts checks, not time. A check that is late by more than the time between two
 * checks shows that this process did not run: frames that arrived meanwhile may still have to be
 * read. The heartbeat then pings first, and waits at least `every` ms for the answer. It does so
 * once in each silence, as the timers of a hidden tab are always late.
 *
 * For one subscription.
 */
export function heartbeat({ every, silence, isWaiting, ping, woken$, scheduler }: HeartbeatOptions): Observable<never> {
  const half = every / 2;
  let due = Math.max(scheduler.now(), silence.checkedAt + half);

  const check = (): void => {
    const isLate = scheduler.now() - due > half;
    due = scheduler.now() + half;
    count(silence, scheduler.now());
    if (mustPing(silence, isLate, every) || isWaiting()) ping();
  };
  const wake = (): void => {
    ask(silence);
    ping();
  };
  const checks$ = timer(due - scheduler.now(), half, scheduler).pipe(tap(check));
  return (woken$ ? merge(checks$, woken$.pipe(tap(wake))) : checks$).pipe(ignoreElements());
}

/** How long the other side has been silent. */
export interface Silence {
  /** Whether the other side has sent a frame since the last check. */
  isHeard: boolean;
  /** The number of checks in a row without a frame. */
  quiet: number;
  /** Whether the heartbeat has pinged because this process may not have run. */
  hasAsked: boolean;
  /**
   * The time of the last check, or of the beginning. A heartbeat that takes over from another one
   * checks half an interval after it.
   */
  checkedAt: number;
}

/** Returns the silence of a side from which a frame has just arrived. */
export function noSilence(now: number): Silence {
  return { isHeard: true, quiet: 0, hasAsked: false, checkedAt: now };
}

/** Counts a check. */
export function count(silence: Silence, now: number): void {
  silence.checkedAt = now;
  silence.quiet = silence.isHeard ? 0 : silence.quiet + 1;
  silence.hasAsked &&= !silence.isHeard;
  silence.isHeard = false;
}

/**
 * Returns whether the other side must be pinged.
 *
 * @param isLate Whether the check was late by more than the time between two checks.
 * @throws {ConnectionLostError} When the other side was silent for too long.
 */
export function mustPing(silence: Silence, isLate: boolean, every: number): boolean {
  if (silence.quiet > 0 && isLate && !silence.hasAsked) ask(silence);
  else if (silence.quiet >= 4) throw new ConnectionLostError(SILENT, `the peer was silent for ${2 * every} ms`);
  else return silence.quiet >= 2;
  return true;
}

function ask(silence: Silence): void {
  if (!silence.hasAsked) silence.quiet = Math.min(silence.quiet, 1);
  silence.hasAsked = true;
}
