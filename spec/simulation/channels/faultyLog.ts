import { defer, map, merge, mergeMap, NEVER, Subject, takeUntil, throwError, timer, type Observable } from 'rxjs';
import type { ChannelLog, ChannelPosition } from '../../../lib/index.js';
import type { Chance } from '../chance.js';
import type { Clock } from '../clock.js';
import type { Life } from '../life.js';

type Later<T> = T | Observable<T>;

/** When a process dies: in front of its next write to the log, or behind it, before it can answer. */
export type DeathAtStore = 'before' | 'after';

export interface FaultyLog {
  readonly log: ChannelLog;
  /** From now on until the time, calls fail. */
  fail(until: number): void;
  /** The next write fails: before it has an effect, or behind it. */
  failOnce(): void;
  /** The connection to the log is lost: its tails end. */
  lose(): void;
  /** The process dies with its next write. */
  dieAtStore(death: DeathAtStore): void;
  /** From now on nothing fails. */
  heal(): void;
  /** How often a call has failed. */
  readonly faults: () => number;
}

/** The way of one hub to the shared log. Its calls are late, and fail for some time: before they have an effect, or after it. */
export function createFaultyLog(
  shared: ChannelLog,
  { clock, chance, life, late }: { readonly clock: Clock; readonly chance: Chance; readonly life: Life; readonly late: number },
): FaultyLog {
  let [failsUntil, faults, failing] = [0, 0, 0];
  let death: DeathAtStore | undefined;
  let lost$ = new Subject<never>();
  const dead$ = new Subject<undefined>();
  life.onDeath(() => dead$.next(undefined));
  const isFailing = (): boolean => {
    const fails = failing > 0 || (clock.now() < failsUntil && chance.hit(0.8));
    failing = Math.max(0, failing - 1);
    if (fails) faults++;
    return fails;
  };
  const failure = (): Later<never> => {
    const error = new Error('the log has failed');
    if (chance.hit(0.3)) throw error;
    return chance.hit(0.5)
      ? throwError(() => error)
      : timer(chance.skewed(1, 200), life.scheduler).pipe(mergeMap(() => throwError(() => error)));
  };
  const lateOr = <T>(result: () => T): Later<T> => {
    if (!chance.hit(late)) return result();
    const wait$ = timer(chance.skewed(1, 300), life.scheduler);
    if (chance.hit(0.5)) return wait$.pipe(map(result));
    const early = result();
    return wait$.pipe(map(() => early));
  };
  const die = (): void => {
    death = undefined;
    life.die();
  };
  return {
    faults: () => faults,
    fail: (until) => void (failsUntil = Math.max(failsUntil, until)),
    failOnce: () => void (failing = 1),
    dieAtStore: (at) => void (death = at),
    heal() {
      [failsUntil, failing] = [0, 0];
      death = undefined;
    },
    lose() {
      faults++;
      const broken$ = lost$;
      lost$ = new Subject();
      broken$.error(new Error('the log is gone'));
    },
    log: {
      ...shared,
      append(channel, message) {
        if (death === 'before') die();
        // A process that is dead goes no further.
        if (!life.isAlive()) return NEVER;
        if (!isFailing()) {
          const position = shared.append(channel, message) as ChannelPosition;
          if (death) die();
          return life.isAlive() ? lateOr(() => position) : NEVER;
        }
        if (chance.hit(0.3)) shared.append(channel, message);
        return failure();
      },
      read: (channel, query) => (isFailing() ? failure() : lateOr(() => shared.read(channel, query) as never)),
      tail: (channel) =>
        isFailing() ? throwError(() => new Error('no tail')) : defer(() => merge(shared.tail(channel), lost$)).pipe(takeUntil(dead$)),
      broadcast(channel, message) {
        if (life.isAlive()) shared.broadcast?.(channel, message);
      },
      compact: (channel, entry) => (life.isAlive() ? shared.compact?.(channel, entry) : undefined),
    },
  };
}
