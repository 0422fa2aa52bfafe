import { filter, firstValueFrom, Subject, timeout } from 'rxjs';
import { setTimeout as sleep } from 'node:timers/promises';
import { createChance } from '../simulation/chance.js';
import { LEVELS } from './journal.js';
import type { SidePlan } from './plan.js';
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

/**
 * Breaks connection after connection of a client that takes another transport each time, while both sides send: the connection is reset for both, or
 * for one of them only, so that the other learns of it from the client that comes back.
 */
export async function switchTransports({ seed, switches, every }: SwitchPlan): Promise<SwitchResult> {
  const { pick, whole } = createChance(seed);
  const carried$ = new Subject<string>();
  const world = await createWorld({
    ...{ seed, codec: pick(['json', 'msgpack']), client: SENDER, server: SENDER, isRotating: true },
    ...{ ping: 1_000, reconnect: { initialInterval: 5, maxInterval: 50 }, openTimeout: 1_000 },
    onCarried: (protocol) => carried$.next(protocol),
  });
  const counts: Record<string, number> = {};
  const failures: string[] = [];
  let last = '';
  for (let done = 0; done < switches && failures.length === 0; done++) {
    await sleep(whole(1, every));
    const next = firstValueFrom(
      carried$.pipe(
        filter((protocol) => protocol !== last),
        timeout(LIMIT),
      ),
    );
    const cut = pick([world.proxy.cut, world.proxy.cut, world.proxy.cutNear]);
    cut();
    try {
      const protocol = await next;
      if (last) counts[`${last} → ${protocol}`] = (counts[`${last} → ${protocol}`] ?? 0) + 1;
      last = protocol;
    } catch {
      failures.push(`switch ${done + 1}: not connected again after ${LIMIT} ms`);
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
