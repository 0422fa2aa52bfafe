import { describeFailure, print, tellAll } from './report.js';
import type { Plan } from './plan.js';
import { shrinkPlan } from './shrinkPlan.js';
import { tallyOf, type Tally } from './tally.js';
import { runSeed, type StoryOptions } from './world.js';

/** Other draws of a smaller plan that are tried: with another plan, the same seed decides everything else anew. */
const DRAWS = 20;

/** Leaves out of a failing seed of the stories the parts that it fails without, and prints the rest. */
export function shrinkSeed(seed: number): Tally {
  const { violation } = runSeed(seed);
  if (!violation) return tallyOf(runSeed(seed));
  const run = (draw: number, options: StoryOptions): Tally | undefined => {
    const outcome = runSeed(draw, undefined, options);
    return outcome.violation?.invariant === violation.invariant ? tallyOf(outcome) : undefined;
  };
  const hasStrangers = !run(seed, { hasStrangers: false });
  let drawn: Plan | undefined;
  runSeed(seed, undefined, { hasStrangers, change: (plan) => (drawn = plan) });
  let smallestDraw = seed;
  const fails = (plan: Plan): boolean => {
    const failing = Array.from({ length: DRAWS }, (_, index) => seed + index)
      .map((draw) => ({ draw, tally: run(draw, { hasStrangers, change: () => plan }) }))
      .flatMap(({ draw, tally }) => (tally ? { draw, messages: tally.messages } : []))
      .sort((a, b) => a.messages - b.messages);
    smallestDraw = failing[0]?.draw ?? smallestDraw;
    return failing.length > 0;
  };
  const { plan, without, needs } = shrinkPlan(drawn as Plan, fails);
  const tally = tallyOf(runSeed(smallestDraw, tellAll, { hasStrangers, change: () => plan }));
  for (const failure of tally.failures) print(`\n${describeFailure({ ...failure, seed }, '--stories ', ' --shrink')}`);
  const isPart = (name: string): boolean => !name.startsWith('half of');
  print(`It fails without: ${[...(hasStrangers ? [] : ['strangers']), ...without.filter(isPart)].join(', ')}`);
  print(`It does not fail without: ${[...(hasStrangers ? ['strangers'] : []), ...needs.filter(isPart)].join(', ')}`);
  return tally;
}
