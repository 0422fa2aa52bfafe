import { execFile } from 'node:child_process';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { build, type Plugin } from 'esbuild';
import { LIVE_STATE_MUTANTS, type LiveStateMutant } from './liveStateMutants.js';
import { runStory, type StoryTally } from './liveStateStory.js';

const run = promisify(execFile);
/** 10,000 for a long run: `LIVE_STATE_STORIES=10000 npm run -s jest -- spec/operators/channels/liveState.random`. */
const STORIES = Number(process.env['LIVE_STATE_STORIES'] ?? 1_000);
/** Seeds that a mutant may live through. */
const MAX_SEEDS = 400;
const FOLDER = '.tmp/liveState';

const patching = ({ file, find, replace }: LiveStateMutant): Plugin => ({
  name: 'mutant',
  setup({ onLoad }) {
    onLoad({ filter: new RegExp(`/lib/(operators/)?channels/${file}$`) }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      if (source.split(find).length !== 2) throw new Error(`${file} must have one place like this: ${find}`);
      return { contents: source.replace(find, () => replace), loader: 'ts' };
    });
  },
});

/** Returns the first seed that fails with these plugins, and how; an empty text if none does. */
async function firstFailure(plugins: Plugin[], seeds: number): Promise<string> {
  await mkdir(FOLDER, { recursive: true });
  const outfile = `${FOLDER}/worker-${process.pid}.mjs`;
  const entryPoints = ['spec/operators/channels/liveStateWorker.ts'];
  await build({ entryPoints, outfile, plugins, bundle: true, platform: 'node', format: 'esm', packages: 'external', logLevel: 'silent' });
  try {
    return (await run(process.execPath, [outfile, String(seeds)])).stdout;
  } finally {
    await rm(outfile, { force: true });
  }
}

describe('liveState, whatever happens', () => {
  it(
    `is true at each emission, never goes back, and ends with all messages, in ${STORIES} stories`,
    () => {
      const totals: Partial<Record<keyof StoryTally, number>> = {};
      for (let seed = 1; seed <= STORIES; seed++) {
        const { violations, tally } = runStory(seed);
        if (violations.length > 0) throw new Error(`seed ${seed}: ${violations.join('; ')}`);
        for (const [name, count] of Object.entries(tally) as [keyof StoryTally, number][]) totals[name] = (totals[name] ?? 0) + count;
      }
      // The stories have the faults that they are about.
      for (const count of Object.values(totals)) expect(count).toBeGreaterThan(STORIES / 10);
    },
    STORIES * 300,
  );

  it.each(LIVE_STATE_MUTANTS.map((mutant) => [mutant.why, mutant] as const))(
    'finds a fault: %s',
    async (_, mutant) => {
      expect(await firstFailure([patching(mutant)], MAX_SEEDS)).toMatch(/^\d+: /);
    },
    120_000,
  );
});
