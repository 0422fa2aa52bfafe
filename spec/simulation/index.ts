/**
 * npm run simulate -- [--hour] [--seeds N] [--seed-base B] [--seed S] [--mutants] [--jobs J]
 *
 * Runs the session on virtual time with all that can go wrong, and fails when an invariant does not hold: docs/simulation.md. The last line is JSON.
 * With `--hour`, it is an hour of an application: routes, queues, retries and dead letters.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { runHour } from './hour/world.js';
import { HOUR, RETURNING, runBundled, SESSION, testMutants } from './mutation.js';
import { describeFailure, print, showProgress, summaryOf, tellAll } from './report.js';
import { tallyOf, type Tally } from './tally.js';
import { runSeed } from './world.js';

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

if (values.mutants) process.exitCode = (await testMutants(numberOf('jobs', 1), values.hour ? [HOUR] : [SESSION, RETURNING])) ? 0 : 1;
else {
  const tally = values.seed === undefined ? await runMany() : runOne(numberOf('seed', 0));
  print(summaryOf(tally));
  process.exitCode = tally.failures.length > 0 ? 1 : 0;
}
