/**
 * npm run simulate -- [--core | --stories | --hour | --tabs | --channels] [--seeds N] [--seed-base B] [--jobs J], or --seed S [--trace | --shrink], or
 * [--channels] --mutants, or --wave
 *
 * Runs both sides of a session on virtual time with all that can go wrong, and fails when an invariant does not hold: docs/tested.md. By default N seeds of
 * the core, and a twentieth as many stories of whole clients and servers. The last line of each part is JSON.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { allMutants } from '../core/simulation/judgeMutant.js';
import { runCoreSeed } from '../core/simulation/runCoreSeed.js';
import { channelsMutants } from './channels/mutants.js';
import { runChannels } from './channels/world.js';
import { runHour } from './hour/world.js';
import { createProgress, describeFailure, print, summaryOf, tellAll } from './report.js';
import { runBundled } from './runBundled.js';
import { shrinkSeed } from './shrinkSeed.js';
import { tallyOf, type Tally } from './tally.js';
import { runTextMutant } from './textMutants.js';
import { runTabs } from './tabs/world.js';
import { printWaves } from './waves.js';
import { runSeed, type Outcome } from './world.js';

/** After so many there is enough to look at. */
const MOST_FAILURES = 20;
/** Seeds of the core for each seed of a story. */
const CORE_SEEDS = 20;

const { values } = parseArgs({
  options: {
    core: { type: 'boolean', default: false },
    stories: { type: 'boolean', default: false },
    hour: { type: 'boolean', default: false },
    tabs: { type: 'boolean', default: false },
    channels: { type: 'boolean', default: false },
    seeds: { type: 'string' },
    'seed-base': { type: 'string', default: '1' },
    seed: { type: 'string' },
    trace: { type: 'boolean', default: false },
    shrink: { type: 'boolean', default: false },
    mutants: { type: 'boolean', default: false },
    wave: { type: 'boolean', default: false },
    jobs: { type: 'string', default: String(availableParallelism()) },
  },
});

/** A kind of simulation: how it runs one seed, and where its worker is. */
interface Kind {
  readonly name: 'core' | 'stories' | 'hour' | 'tabs' | 'channels';
  readonly worker: string;
  readonly seeds: number;
  readonly run: (seed: number) => Outcome | Promise<Outcome>;
}

const told = values.trace ? tellAll : undefined;
const CORE: Kind = {
  ...{ name: 'core', worker: '../core/simulation/worker.ts', seeds: 5_000 },
  run: (seed) => runCoreSeed(seed, values.trace ? print : undefined),
};
const STORIES: Kind = { name: 'stories', worker: 'worker.ts', seeds: 250, run: (seed) => runSeed(seed, told) };
const TABS: Kind = { name: 'tabs', worker: 'tabs/worker.ts', seeds: 2_000, run: (seed) => runTabs(seed, told) };
const CHANNELS: Kind = { name: 'channels', worker: 'channels/worker.ts', seeds: 2_000, run: (seed) => runChannels(seed, told) };
const HOUR: Kind = { name: 'hour', worker: 'hour/worker.ts', seeds: 2, run: (seed) => runHour(seed, 60, told) };
/** The kind that is run without others. */
const alone = [HOUR, TABS, CHANNELS].find(({ name }) => values[name as 'hour' | 'tabs' | 'channels']);

function numberOf(name: 'seeds' | 'seed-base' | 'seed' | 'jobs', least: number): number {
  const number = Number(values[name]);
  if (Number.isSafeInteger(number) && number >= least) return number;
  throw new RangeError(`simulate: "--${name}" must be a whole number from ${least}, got ${values[name]}`);
}

/** What leads to the same kind of simulation again; the core needs nothing. */
const optionOf = ({ name }: Kind): string => (name === 'core' ? '' : `--${name} `);

async function runMany(kind: Kind, seeds: number): Promise<Tally> {
  const jobs = Math.min(seeds, numberOf('jobs', 1));
  const showProgress = createProgress(seeds);
  let shown = 0;
  const onProgress = (tally: Tally): boolean => {
    showProgress(tally);
    for (const failure of tally.failures.slice(shown)) print(describeFailure(failure, optionOf(kind), ' --trace'));
    shown = tally.failures.length;
    return shown < MOST_FAILURES;
  };
  const tally = await runBundled({ base: numberOf('seed-base', 0), seeds, jobs, onProgress, worker: kind.worker });
  const rate = Math.round((10_000_000 * tally.seeds) / tally.cpu) / 10;
  print(summaryOf(kind.name, tally, rate));
  return tally;
}

async function runAll(): Promise<boolean> {
  const kinds = alone ? [alone] : [...(values.stories ? [] : [CORE]), ...(values.core ? [] : [STORIES])];
  let failures = 0;
  for (const kind of kinds) {
    const seeds = values.seeds === undefined ? kind.seeds : numberOf('seeds', 1);
    const isShare = kind === STORIES && kinds.length > 1 && values.seeds !== undefined;
    failures += (await runMany(kind, isShare ? Math.ceil(seeds / CORE_SEEDS) : seeds)).failures.length;
  }
  return failures === 0;
}

async function runOne(seed: number): Promise<boolean> {
  const kind = alone ?? (values.stories ? STORIES : CORE);
  const tally = values.shrink && kind === STORIES ? shrinkSeed(seed) : tallyOf(await kind.run(seed));
  if (!values.shrink) for (const failure of tally.failures) print(`\n${describeFailure(failure, optionOf(kind), ' --trace')}`);
  print(summaryOf(kind.name, tally));
  return tally.failures.length === 0;
}

/** Puts deliberate faults into the core, one at a time. Returns whether a seed finds each. */
async function testMutants(): Promise<boolean> {
  const seeds = allMutants.length;
  const { failures, found = [] } = await runBundled({
    ...{ base: 0, seeds, jobs: Math.min(seeds, numberOf('jobs', 1)), onProgress: () => true },
    worker: '../core/simulation/mutantWorker.ts',
  });
  for (const { name, by } of found) print(`${name}: ${by}`);
  const survivors = failures.map(({ detail }) => detail);
  print(JSON.stringify({ mutants: seeds, found: found.length, survivors }));
  return survivors.length === 0;
}

/** Puts deliberate faults into the hubs and their clients, one at a time. Returns whether a seed finds each. */
async function testChannelsMutants(): Promise<boolean> {
  const survivors: string[] = [];
  for (const mutant of channelsMutants) {
    const found = await runTextMutant(mutant, { world: 'channels/world.ts', run: 'runChannels' });
    print(`${mutant.name}: ${found ? `seed ${found.seed}` : 'not found'}`);
    if (!found) survivors.push(mutant.name);
  }
  print(JSON.stringify({ mutants: channelsMutants.length, found: channelsMutants.length - survivors.length, survivors }));
  return survivors.length === 0;
}

if (values.core && values.stories) throw new TypeError('simulate: "--core" and "--stories" exclude each other');
if (values.wave) {
  printWaves(print);
  process.exit();
}
const run = (): Promise<boolean> => {
  if (values.mutants) return values.channels ? testChannelsMutants() : testMutants();
  return values.seed === undefined ? runAll() : runOne(numberOf('seed', 0));
};
process.exitCode = (await run()) ? 0 : 1;
