/**
 * npm run simulate -- [--hour] [--seeds N] [--seed-base B] [--seed S [--shrink]] [--mutants] [--jobs J]
 *
 * Runs the session on virtual time with all that can go wrong, and fails when an invariant does not hold: docs/simulation.md. The last line is JSON.
 * With `--hour`, it is an hour of an application: routes, queues, retries and dead letters.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { runHour } from './hour/world.js';
import { HOUR, RETURNING, runBundled, SESSION, testMutants } from './mutation.js';
import { describeFailure, print, showProgress, summaryOf, tellAll } from './report.js';
import type { Plan } from './plan.js';
import { shrinkPlan } from './shrinkPlan.js';
import { tallyOf, type Tally } from './tally.js';
import { runSeed, type StoryOptions } from './world.js';

/** After so many there is enough to look at. */
const MOST_FAILURES = 20;

const { values } = parseArgs({
  options: {
    hour: { type: 'boolean', default: false },
    seeds: { type: 'string' },
    'seed-base': { type: 'string', default: '1' },
    seed: { type: 'string' },
    jobs: { type: 'string', default: String(Math.min(2, availableParallelism())) },
    mutants: { type: 'boolean', default: false },
    shrink: { type: 'boolean', default: false },
  },
});

const option = values.hour ? '--hour ' : '';

function numberOf(name: 'seeds' | 'seed-base' | 'seed' | 'jobs', least: number): number {
  const number = Number(values[name] ?? (values.hour ? 2 : 500));
  if (Number.isSafeInteger(number) && number >= least) return number;
  throw new RangeError(`simulate: "--${name}" must be a whole number from ${least}, got ${values[name]}`);
}

async function runMany(): Promise<Tally> {
  const seeds = numberOf('seeds', 1);
  let shown = 0;
  const onProgress = (tally: Tally): boolean => {
    showProgress(tally, seeds);
    for (const failure of tally.failures.slice(shown)) print(describeFailure(failure, option));
    shown = tally.failures.length;
    return shown < MOST_FAILURES;
  };
  return runBundled('seeds', [], {
    base: numberOf('seed-base', 0),
    seeds,
    jobs: Math.min(seeds, numberOf('jobs', 1)),
    onProgress,
    worker: values.hour ? 'hour/worker.ts' : 'worker.ts',
  });
}

function runOne(seed: number): Tally {
  const tally = tallyOf(values.hour ? runHour(seed, 60, tellAll) : runSeed(seed, tellAll));
  for (const failure of tally.failures) print(`\n${describeFailure(failure, option)}`);
  return tally;
}

/** Other draws of a smaller plan that are tried: with another plan, the same seed decides everything else anew. */
const DRAWS = 20;

/** Leaves out of a failing seed what it fails without, and prints the rest. */
function runShrunk(seed: number): Tally {
  const { violation } = runSeed(seed);
  if (!violation) return runOne(seed);
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
  for (const failure of tally.failures) print(`\n${describeFailure({ ...failure, seed }, '', ' --shrink')}`);
  const isPart = (name: string): boolean => !name.startsWith('half of');
  print(`It fails without: ${[...(hasStrangers ? [] : ['strangers']), ...without.filter(isPart)].join(', ')}`);
  print(`It does not fail without: ${[...(hasStrangers ? ['strangers'] : []), ...needs.filter(isPart)].join(', ')}`);
  return tally;
}

if (values.mutants) process.exitCode = (await testMutants(numberOf('jobs', 1), values.hour ? [HOUR] : [SESSION, RETURNING])) ? 0 : 1;
else {
  const tally = values.seed === undefined ? await runMany() : (values.shrink && !values.hour ? runShrunk : runOne)(numberOf('seed', 0));
  print(summaryOf(tally));
  process.exitCode = tally.failures.length > 0 ? 1 : 0;
}
