/** npm run chaos -- [--rounds N] [--seed S] [--storm ms] [--jobs N] [--owners | --streams] | --cluster [--minutes N] [--seed S] [--without-fence] | --memory [--quick] | --switch [--seed S]: docs/tested.md. The last line is JSON. */
import { parseArgs } from 'node:util';
import { percentiles } from '../../lib/adapters/cli/printable.js';
import { BLACK_HOLE, fallIntoBlackHole } from './blackHole.js';
import { memoryPlans } from './memory/plans.js';
import { describeMemory, memorySummary } from './memory/report.js';
import { watchMemory, type MemoryResult } from './memory/run.js';
import { runOwners } from './owners.js';
import { runCluster } from './cluster.js';
import { drawPlan } from './plan.js';
import { describeBlackHole, describeFailure, describeTotals, summaryOf, totalsOf } from './report.js';
import { describeStreams, runStream } from './streams.js';
import { runRound, type Outcome } from './round.js';
import { describeSwitching, switchTransports } from './switching.js';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    storm: { type: 'string', default: '3000' },
    jobs: { type: 'string', default: '2' },
    memory: { type: 'boolean', default: false },
    switch: { type: 'boolean', default: false },
    owners: { type: 'boolean', default: false },
    streams: { type: 'boolean', default: false },
    cluster: { type: 'boolean', default: false },
    'without-fence': { type: 'boolean', default: false },
    minutes: { type: 'string', default: '1' },
    quick: { type: 'boolean', default: false },
  },
});

function number(name: 'rounds' | 'seed' | 'storm' | 'jobs' | 'minutes', least: number): number {
  const value = Number(values[name]);
  if (!Number.isSafeInteger(value) || value < least)
    throw new RangeError(`--${name} must be a whole number >= ${least}, got ${values[name]}`);
  return value;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

async function runRounds<T extends Pick<Outcome, 'seed' | 'failures' | 'folder'>>(
  run: (seed: number, storm: number) => Promise<T>,
  mode = '',
): Promise<readonly T[]> {
  const [rounds, seed, storm] = [number('rounds', 0), number('seed', 0), number('storm', 1)];
  const outcomes: T[] = [];
  const waiting = Array.from({ length: rounds }, (_, index) => seed + index);
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const outcome = await run(next, storm);
      outcomes.push(outcome);
      progress(`round ${outcomes.length} of ${rounds}, seed ${next}`);
      if (outcome.failures.length > 0) say(describeFailure(outcome, storm, mode));
    }
  };
  await Promise.all(Array.from({ length: number('jobs', 1) }, work));
  return outcomes;
}

/** What goes into the last line, and whether all was well. */
async function breakEverything(): Promise<readonly [summary: object, isWell: boolean]> {
  const totals = totalsOf(await runRounds((seed, storm) => runRound(drawPlan(seed, storm))));
  progress('black hole');
  const blackHole = await fallIntoBlackHole(BLACK_HOLE);
  progress('');
  say(describeTotals(totals));
  say(describeBlackHole(blackHole));
  const { failures, ...figures } = blackHole;
  return [{ ...summaryOf(totals), blackHole: figures }, totals.failures + failures.length === 0];
}

async function shareStore(): Promise<readonly [summary: object, isWell: boolean]> {
  const totals = totalsOf(await runRounds(runOwners, '--owners '));
  progress('');
  say(describeTotals(totals));
  return [summaryOf(totals), totals.failures === 0];
}

async function breakCluster(): Promise<readonly [summary: object, isWell: boolean]> {
  const [seed, storm] = [number('seed', 0), number('minutes', 1) * 60_000];
  const outcome = await runCluster({ seed, storm, sabotage: values['without-fence'] ? 'no fence' : undefined });
  if (outcome.failures.length > 0) say(describeFailure(outcome, storm, '--cluster '));
  const totals = totalsOf([outcome]);
  say(describeTotals(totals));
  const { welcomes } = outcome;
  const [median, p99] = [percentiles(welcomes).p50, percentiles(welcomes).p99].map(Math.round);
  say(`${welcomes.length} hellos were answered: the median after ${median} ms, 99 of 100 within ${p99} ms`);
  const { reads = 0, received = 0 } = outcome.channels ?? {};
  say(`40 busy channels: a member has received ${received} messages, and ${reads} reads of the history were whole`);
  return [
    { ...summaryOf(totals), welcomes: { count: welcomes.length, median, p99 }, channels: { received, reads } },
    totals.failures === 0,
  ];
}

async function readStreams(): Promise<readonly [summary: object, isWell: boolean]> {
  const outcomes = await runRounds(runStream, '--streams ');
  progress('');
  say(describeStreams(outcomes));
  const failures = outcomes.filter((outcome) => outcome.failures.length > 0).length;
  return [{ rounds: outcomes.length, failures }, failures === 0];
}

async function fillMemory(): Promise<readonly [summary: object, isWell: boolean]> {
  const results: MemoryResult[] = [];
  for (const plan of memoryPlans(values.quick ? 1 / 6 : 1)) {
    progress(plan.title);
    const result = await watchMemory(plan);
    results.push(result);
    progress('');
    say(describeMemory(result));
  }
  const [stalled, slow] = results.map(memorySummary);
  return [{ stalled, slow }, results.every(({ failures }) => failures.length === 0)];
}

async function switchAll(): Promise<readonly [summary: object, isWell: boolean]> {
  const result = await switchTransports({ seed: number('seed', 0), switches: 100, every: 150 });
  say(describeSwitching(result));
  return [result, result.failures.length === 0];
}

const run = values.cluster
  ? breakCluster
  : values.streams
    ? readStreams
    : values.memory
      ? fillMemory
      : values.switch
        ? switchAll
        : values.owners
          ? shareStore
          : breakEverything;
const [summary, isWell] = await run();
say(JSON.stringify(summary));
if (!isWell) process.exitCode = 1;
