import type { Delivery } from '../../lib/index.js';
import { createChance, type Chance } from '../simulation/chance.js';
import type { Weather } from '../support/lane.js';
import type { Climate } from '../support/tcpProxy.js';
import { LEVELS } from './journal.js';

/** Something that befalls the network; `after` ms from the end of the one before. */
export type Fault = { readonly after: number } & (
  | { readonly kind: 'cut'; readonly end: 'both' | 'near' | 'far' }
  /** Bytes are late, in pieces, or stand still, for a while; none is lost. */
  | { readonly kind: 'weather'; readonly climate: Climate; readonly lasts: number }
  /** Bytes vanish for a while; then all connections are reset, or are left to be found dead. */
  | { readonly kind: 'blackHole'; readonly climate: Climate; readonly lasts: number; readonly isReset: boolean }
  | { readonly kind: 'refuse'; readonly lasts: number }
);

/** A `kill -9`, `after` ms from when all were up again; `pause` ms later those that are dead start again. */
export interface Kill {
  readonly who: 'client' | 'server' | 'both';
  readonly after: number;
  readonly pause: number;
}

/** What one side does. */
export interface SidePlan {
  /** How its messages are to be delivered; none: it sends nothing. */
  readonly levels: readonly Delivery[];
  /** Whether its handler is always done at once, or now and then later. */
  readonly handler: 'at once' | 'later';
  /** Messages in one burst at most. */
  readonly burst: number;
  /** Between two bursts, in ms. */
  readonly every: number;
  /** Characters of a payload at most. */
  readonly payload: number;
}

/** What one round is about: drawn before it begins. */
export interface Plan {
  readonly seed: number;
  readonly codec: 'json' | 'msgpack';
  /** How long faults and traffic last, in ms. */
  readonly storm: number;
  readonly network: readonly Fault[];
  readonly kills: readonly Kill[];
  readonly client: SidePlan;
  readonly server: SidePlan;
}

/** About how long a process takes to start, in ms. */
const START = 400;

export function drawPlan(seed: number, storm: number): Plan {
  const chance = createChance(seed);
  const { hit, pick } = chance;
  return {
    seed,
    storm,
    codec: pick(['json', 'msgpack']),
    client: drawSide(chance),
    server: drawSide(chance),
    network: hit(0.9)
      ? drawUntil(
          storm,
          () => drawFault(chance),
          (fault) => fault.after + ('lasts' in fault ? fault.lasts : 0),
        )
      : [],
    kills: drawUntil(
      storm,
      () => drawKill(chance),
      ({ after, pause }) => after + pause + START,
    ),
  };
}

function drawSide({ pick, whole }: Chance): SidePlan {
  return {
    levels: LEVELS,
    handler: pick(['at once', 'later']),
    burst: pick([1, 5, 25]),
    every: whole(2, 15),
    payload: pick([10, 200, 5_000]),
  };
}

function drawFault({ hit, pick, whole, skewed }: Chance): Fault {
  const after = whole(10, 300);
  const sides = pick([['up'], ['down'], ['up', 'down']] as const);
  const climate = (weather: Partial<Weather>): Climate => Object.fromEntries(sides.map((side) => [side, weather]));
  switch (pick(['cut', 'cut', 'weather', 'weather', 'blackHole', 'refuse'] as const)) {
    case 'cut':
      return { kind: 'cut', after, end: pick(['both', 'both', 'near', 'far']) };
    case 'refuse':
      return { kind: 'refuse', after, lasts: whole(50, 500) };
    case 'blackHole':
      return { kind: 'blackHole', after, climate: climate({ swallow: true }), lasts: whole(100, 1_500), isReset: hit(0.5) };
    case 'weather': {
      const weather = pick([{ stall: true }, { delay: whole(1, 200) }, { slice: Math.ceil(skewed(1, 100)) }]);
      return { kind: 'weather', after, climate: climate(weather), lasts: whole(100, 800) };
    }
  }
}

function drawKill({ hit, pick, whole }: Chance): Kill {
  // Some at once, in the middle of the handshake.
  return { who: pick(['client', 'server', 'both']), after: hit(0.3) ? whole(0, 60) : whole(60, 1_500), pause: whole(0, 300) };
}

/** As many as fit into the storm. */
function drawUntil<T>(storm: number, draw: () => T, timeOf: (one: T) => number): readonly T[] {
  const all: T[] = [];
  let at = 0;
  for (let one = draw(); (at += timeOf(one)) < storm; one = draw()) all.push(one);
  return all;
}
