import { filter, firstValueFrom, map, of, skipWhile, Subject, timeout, type Observable } from 'rxjs';
import { setTimeout as sleep } from 'node:timers/promises';
import { createChance } from '../simulation/chance.js';
import { LEVELS } from './journal.js';
import type { SidePlan } from './plan.js';
import type { Carriage } from './processes.js';
import type { Tally } from './reconcile.js';
import { createWorld } from './world.js';

/** How often, and how soon, the client is to be carried by something else. */
export interface SwitchPlan {
  readonly seed: number;
  readonly switches: number;
  /** Between two of them at most, in ms. */
  readonly every: number;
}

export interface SwitchResult extends Pick<Tally, 'messages' | 'acked' | 'lost' | 'doubled' | 'reordered'> {
  /** How often one transport followed another, as `sse → websocket`. */
  readonly switches: Readonly<Record<string, number>>;
  /** What is wrong, in words. */
  readonly failures: readonly string[];
}

const SENDER: SidePlan = { levels: LEVELS, handler: 'later', burst: 10, every: 5, payload: 500 };
/** How long the client may take to be connected again, in ms. */
const LIMIT = 5_000;
/** How long it may take to notice that it is not, in ms: 2.5 heartbeats, and some more. Then the cut has hit nothing. */
const NOTICE = 3_000;

/**
 * Breaks connection after connection of a client that takes another transport each time, while both sides send: the connection is reset for both, or
 * for one of them only, so that the other learns of it from the client that comes back.
 */
export async function switchTransports({ seed, switches, every }: SwitchPlan): Promise<SwitchResult> {
  const { pick, whole } = createChance(seed);
  const states$ = new Subject<Carriage>();
  const first = firstValueFrom(states$.pipe(filter(isConnected), timeout(LIMIT)));
  const world = await createWorld({
    ...{ seed, codec: pick(['json', 'msgpack']), client: SENDER, server: SENDER, isRotating: true },
    ...{ ping: 1_000, reconnect: { initialInterval: 5, maxInterval: 50 }, openTimeout: 1_000 },
    onState: (state) => states$.next(state),
  });
  const counts: Record<string, number> = {};
  const failures: string[] = [];
  let last = (await first).protocol;
  for (let done = 0; done < switches && failures.length === 0;) {
    await sleep(whole(1, every));
    const carried = await afterCut(states$, last, pick([world.proxy.cut, world.proxy.cut, world.proxy.cutNear]));
    if (carried === 'as before') continue;
    done++;
    if (carried === 'not') failures.push(`switch ${done}: not connected again after ${LIMIT} ms`);
    else {
      counts[`${last} → ${carried}`] = (counts[`${last} → ${carried}`] ?? 0) + 1;
      last = carried;
    }
  }
  const { failures: broken, tallies } = await world.end();
  const sum = (key: keyof Tally, level: keyof (typeof tallies)[number]): number =>
    tallies.reduce((total, one) => total + one[level][key], 0);
  const all = (key: keyof Tally): number => LEVELS.reduce((total, level) => total + sum(key, level), 0);
  return {
    switches: counts,
    ...{ messages: all('messages'), acked: all('acked') },
    // What was sent once, and nobody asks for, may be lost with its connection.
    lost: sum('lost', 'at-least-once') + sum('lost', 'exactly-once'),
    doubled: all('doubled'),
    reordered: all('reordered'),
    failures: [...failures, ...broken],
  };
}

function isConnected({ status }: Carriage): boolean {
  return status === 'connected';
}

/**
 * What carries the client after a cut: `not`, when that is nothing in time; `as before`, when the cut has hit nothing: between two requests of long
 * polling there is no connection that could break.
 */
async function afterCut(states$: Observable<Carriage>, last: string, cut: () => void): Promise<string> {
  const lost = firstValueFrom(states$.pipe(skipWhile(isConnected), timeout({ first: NOTICE, with: () => of(undefined) })));
  const alive = firstValueFrom(states$.pipe(filter(isConnected), timeout({ first: NOTICE, with: () => of(undefined) })));
  const carried = firstValueFrom(
    states$.pipe(
      skipWhile(isConnected),
      filter((state) => isConnected(state) && state.protocol !== last),
      map(({ protocol }) => protocol),
      timeout({ first: LIMIT, with: () => of('not') }),
    ),
  );
  cut();
  const isHarmless = !(await lost) && last === 'long-polling' && (await alive);
  return isHarmless ? 'as before' : carried;
}

export function describeSwitching({ switches, messages, lost, doubled, reordered, failures }: SwitchResult): string {
  const total = Object.values(switches).reduce((sum, count) => sum + count, 0);
  return [
    `${total} switches: ${Object.entries(switches)
      .map(([which, count]) => `${which} ${count}`)
      .join(', ')};`,
    `${messages} messages, ${lost} lost, ${doubled} doubled, ${reordered} reordered`,
    ...failures.map((failure) => `  ✗ ${failure}`),
    '',
  ].join('\n');
}
