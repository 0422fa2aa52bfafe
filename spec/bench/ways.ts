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
}

const ROUNDS = 9;

/** Runs both in turns, and compares within each round: what slows disk and machine down for a while slows down both. The first runs compile. */
export async function compareWays({ name, baseline, ours, theirs, goal }: WayComparison): Promise<Result> {
  const rates: (readonly [ours: number, theirs: number])[] = [];
  for (const way of [ours, theirs]) await rateOf(way);
  for (let round = 0; round < ROUNDS; round++) rates.push([await rateOf(ours), await rateOf(theirs)]);
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

/** Messages a second. */
async function rateOf({ messages, run }: Way): Promise<number> {
  const start = performance.now();
  await run();
  return (1_000 * messages) / (performance.now() - start);
}
