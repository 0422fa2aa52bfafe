import { median, perSecond, type Result } from './bench.js';

/** A way to have messages sent or stored, as often as one likes. */
export interface Way {
  /** Messages a run sends or stores. */
  readonly messages: number;
  run(): Promise<void>;
  end(): void;
}

export interface WayComparison {
  readonly name: string;
  readonly baseline: string;
  readonly ours: Way;
  readonly theirs: Way;
  /** How many times as fast as the baseline it must be. @default none */
  readonly goal?: number | undefined;
  /** Tells the time, in ms: what both do in this one process alone can be measured by {@link cpuTime}. @default the time that passes */
  readonly clock?: () => number;
  /** @default 9 */
  readonly rounds?: number;
  /** Runs of each side in a round, of which the fastest counts. @default 1 */
  readonly tries?: number;
}

const ROUNDS = 9;

/** Runs both in turns, and compares within each round: what slows disk and machine down for a while slows down both. The first runs compile. */
export async function compareWays(comparison: WayComparison): Promise<Result> {
  const { name, baseline, ours, theirs, goal, clock = wallTime, rounds = ROUNDS, tries = 1 } = comparison;
  const rates: (readonly [ours: number, theirs: number])[] = [];
  for (const way of [ours, theirs]) await rateOf(way, clock);
  for (let round = 0; round < rounds; round++) rates.push(await roundOf(comparison, tries, clock));
  ours.end();
  theirs.end();
  const ratios = rates.map(([our, their]) => our / their);
  return {
    name,
    baseline,
    ours: perSecond(median(rates.map(([rate]) => rate))),
    theirs: perSecond(median(rates.map(([, rate]) => rate))),
    ratio: median(ratios),
    min: Math.min(...ratios),
    max: Math.max(...ratios),
    ...(goal !== undefined && { goal }),
  };
}

async function roundOf(
  { ours, theirs }: WayComparison,
  tries: number,
  clock: () => number,
): Promise<readonly [ours: number, theirs: number]> {
  let best: readonly [number, number] = [0, 0];
  for (let index = 0; index < tries; index++)
    best = [Math.max(best[0], await rateOf(ours, clock)), Math.max(best[1], await rateOf(theirs, clock))];
  return best;
}

/** Messages a second. */
async function rateOf({ messages, run }: Way, clock: () => number): Promise<number> {
  const start = clock();
  await run();
  return (1_000 * messages) / (clock() - start);
}

const wallTime = (): number => performance.now();

/** What this process has worked, in ms: it does not see what else the machine is busy with, nor what is waited for. */
export function cpuTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
