import { mkdir, readFile, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';
import { INVARIANTS } from './checks/violation.js';
import { HOUR_MUTANTS } from './hour/mutants.js';
import { runHour, SHORT } from './hour/world.js';
import { MUTANTS, RETURNING_MUTANTS, type Mutant } from './mutants/index.js';
import { print } from './report.js';
import type { Failure, Tally } from './tally.js';
import { runSeeds, type WorkersOptions } from './workers.js';
import { runSeed, type Outcome } from './world.js';

const LONELY = { hasStrangers: false };

/** Seeds that a mutant may live through. */
const MOST_SEEDS = 2_000;
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const FOLDER = `${ROOT}.tmp/simulation`;

/** What became of a mutant: the seed that has caught it, if any. */
export interface Verdict {
  readonly mutant: Mutant;
  readonly caughtBy: Failure | undefined;
}

/** What a seed is the seed of. */
export interface Story {
  /** What runs it in a process of its own, beside this file. */
  readonly worker: string;
  readonly run: (seed: number) => Outcome;
  readonly mutants: readonly Mutant[];
}

/** Without strangers, who would make other stories of the seeds that catch the mutants. */
export const SESSION: Story = { worker: 'lonelyWorker.ts', run: (seed) => runSeed(seed, undefined, LONELY), mutants: MUTANTS };
/** Clients that return again and again. */
export const RETURNING: Story = {
  worker: 'returningWorker.ts',
  run: (seed) => runSeed(seed, undefined, { ...LONELY, mustReturn: true }),
  mutants: RETURNING_MUTANTS,
};
export const HOUR: Story = { worker: 'hour/shortWorker.ts', run: (seed) => runHour(seed, SHORT), mutants: HOUR_MUTANTS };

/** Puts deliberate faults into the sources, one at a time; tells whether each was caught. */
export async function testMutants(jobs: number, stories: readonly Story[]): Promise<boolean> {
  const verdicts: Verdict[] = [];
  const waiting = stories.flatMap((story) => story.mutants.map((mutant) => ({ mutant, story })));
  print('| mutant | rule that it breaks | caught by seed | broken invariant |\n|---|---|---|---|');
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const verdict = await judge(next.mutant, MOST_SEEDS, next.story);
      verdicts.push(verdict);
      print(rowOf(verdict));
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  const survivors = verdicts.filter(({ caughtBy }) => !caughtBy).map(({ mutant }) => mutant.name);
  print(JSON.stringify({ mutants: verdicts.length, caught: verdicts.length - survivors.length, survivors }));
  return survivors.length === 0;
}

/** @throws {Error} When the place to be changed is not there, or not once. */
export async function judge(mutant: Mutant, seeds = MOST_SEEDS, story = SESSION): Promise<Verdict> {
  const { failures } = await runBundled(mutant.name, [patching(mutant)], {
    ...{ base: mutant.from ?? 1, seeds, jobs: 1 },
    onProgress: (tally) => tally.failures.length === 0,
    worker: story.worker,
  });
  const [caughtBy] = failures;
  if (caughtBy && story.run(caughtBy.seed).violation) throw new Error(`seed ${caughtBy.seed} fails without the fault, too`);
  return { mutant, caughtBy };
}

/** Runs seeds in processes that need no compiler: it is in one file, made for this. */
export async function runBundled(
  name: string,
  plugins: Plugin[],
  { worker = 'worker.ts', ...options }: Omit<WorkersOptions, 'file'> & { readonly worker?: string },
): Promise<Tally> {
  await mkdir(FOLDER, { recursive: true });
  const file = `${FOLDER}/${name.replaceAll(/\W+/g, '-')}-${process.pid}.mjs`;
  await build({
    ...{ entryPoints: [fileURLToPath(new URL(worker, import.meta.url))], outfile: file, plugins },
    ...{ bundle: true, platform: 'node', format: 'esm', target: 'node20', packages: 'external', logLevel: 'silent' },
  });
  try {
    return await runSeeds({ ...options, file });
  } finally {
    await rm(file);
  }
}

function patching({ file, find, replace }: Mutant): Plugin {
  return {
    name: 'mutant',
    setup({ onLoad }) {
      onLoad({ filter: new RegExp(`/${file.replaceAll('.', '\\.')}$`) }, async ({ path }) => {
        const source = await readFile(path, 'utf8');
        const count = source.split(find).length - 1;
        if (count !== 1) throw new Error(`${file} has ${count} places like this: ${find}`);
        return { contents: source.replace(find, () => replace), loader: 'ts' };
      });
    },
  };
}

function rowOf({ mutant: { name, why }, caughtBy }: Verdict): string {
  const cells = caughtBy ? [String(caughtBy.seed), INVARIANTS[caughtBy.invariant]] : ['**none**', ''];
  return `| ${[name, why, ...cells].join(' | ')} |`;
}
