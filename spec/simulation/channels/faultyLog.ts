import { defer, map, merge, mergeMap, Subject, throwError, timer, type Observable } from 'rxjs';
import { memoryChannelLog, type ChannelEntry, type ChannelLog, type ChannelPosition, type Message } from '../../../lib/index.js';
import type { Chance } from '../chance.js';
import type { Clock } from '../clock.js';
import type { Life } from '../life.js';

type Later<T> = T | Observable<T>;

/** The log that all hubs share, and what is in it. */
export interface SharedLog {
  readonly log: ChannelLog;
  /** The entries of a channel in order, the end included. */
  readonly entries: (channel: string) => readonly ChannelEntry[];
  /** Called with each new entry. */
  readonly added$: Observable<{ readonly channel: string; readonly entry: ChannelEntry }>;
}

export function createSharedLog(scheduler: Life['scheduler']): SharedLog {
  const log = memoryChannelLog({ maxMessages: 1e6, maxBytes: 1e9, maxTotalBytes: 1e10, maxAge: 1e12, scheduler });
  const channels = new Map<string, ChannelEntry[]>();
  const added$ = new Subject<{ channel: string; entry: ChannelEntry }>();
  return {
    entries: (channel) => channels.get(channel) ?? [],
    added$,
    log: {
      ...log,
      append(channel, message) {
        const { epoch, offset } = log.append(channel, message) as ChannelPosition;
        const entries = channels.get(channel) ?? [];
        channels.set(channel, entries);
        // A repeat has the position of the first one.
        if (!entries.some((entry) => entry.offset === offset)) {
          const entry = { epoch, offset, message };
          entries.push(entry);
          added$.next({ channel, entry });
        }
        return { epoch, offset };
      },
    },
  };
}

export interface FaultyLog {
  readonly log: ChannelLog;
  /** From now on until the time, calls fail. */
  fail(until: number): void;
  /** The connection to the log is lost: its tails end. */
  lose(): void;
  /** How often a call has failed. */
  readonly faults: () => number;
}

/** The way of one hub to the shared log. Its calls are late, and fail for some time: before they have an effect, or after it. */
export function createFaultyLog(
  shared: ChannelLog,
  { clock, chance, life, late }: { readonly clock: Clock; readonly chance: Chance; readonly life: Life; readonly late: number },
): FaultyLog {
  let [failsUntil, faults] = [0, 0];
  let lost$ = new Subject<never>();
  const isFailing = (): boolean => {
    const fails = clock.now() < failsUntil && chance.hit(0.8);
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
  return {
    faults: () => faults,
    fail: (until) => void (failsUntil = Math.max(failsUntil, until)),
    lose() {
      faults++;
      const broken$ = lost$;
      lost$ = new Subject();
      broken$.error(new Error('the log is gone'));
    },
    log: {
      ...shared,
      append(channel, message: Message) {
        if (!isFailing()) {
          const position = shared.append(channel, message) as ChannelPosition;
          return lateOr(() => position);
        }
        if (chance.hit(0.3)) shared.append(channel, message);
        return failure();
      },
      read: (channel, query) => (isFailing() ? failure() : lateOr(() => shared.read(channel, query) as never)),
      tail: (channel) => (isFailing() ? throwError(() => new Error('no tail')) : defer(() => merge(shared.tail(channel), lost$))),
    },
  };
}
