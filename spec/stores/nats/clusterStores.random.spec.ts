import { execFile } from 'node:child_process';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { build, type Plugin } from 'esbuild';
import { CLUSTER_MUTANTS, type ClusterMutant } from './clusterMutants.js';
import { runClusterStory, type ClusterTally } from './clusterStory.js';

const run = promisify(execFile);
/** 20,000 for a long run: `CLUSTER_STORIES=20000 npm run -s jest -- spec/stores/nats/clusterStores.random`. */
const STORIES = Number(process.env['CLUSTER_STORIES'] ?? 1_000);
/** Seeds that a mutant may live through. */
const MAX_SEEDS = 1_000;
const FOLDER = '.tmp/clusterStores';

const patching = ({ file, find, replace }: ClusterMutant): Plugin => ({
  name: 'mutant',
  setup({ onLoad }) {
    onLoad({ filter: new RegExp(`/lib/.*/${file}$`) }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      if (source.split(find).length !== 2) throw new Error(`${file} must have one place like this: ${find}`);
      return { contents: source.replace(find, () => replace), loader: 'ts' };
    });
  },
});

/** Returns the first seed that fails with a mutant, and how; an empty text if none does. */
async function firstFailure(mutant: ClusterMutant): Promise<string> {
  await mkdir(FOLDER, { recursive: true });
  const outfile = `${FOLDER}/worker-${process.pid}.mjs`;
  const shared = { bundle: true, platform: 'node', format: 'esm', packages: 'external', logLevel: 'silent' } as const;
  await build({ entryPoints: ['spec/stores/nats/clusterWorker.ts'], outfile, plugins: [patching(mutant)], ...shared });
  try {
    return (await run(process.execPath, [outfile, String(MAX_SEEDS)])).stdout;
  } finally {
    await rm(outfile, { force: true });
  }
}

describe('the stores of a cluster, whatever happens', () => {
  it(
    `commit and keep each message once, for one owner at a time, in ${STORIES} stories`,
    async () => {
      const totals: Partial<Record<keyof ClusterTally, number>> = {};
      for (let seed = 1; seed <= STORIES; seed++) {
        const { violations, tally } = await runClusterStory(seed);
        if (violations.length > 0) throw new Error(`seed ${seed}: ${violations.join('; ')}`);
        for (const [name, count] of Object.entries(tally) as [keyof ClusterTally, number][]) totals[name] = (totals[name] ?? 0) + count;
      }
      // The stories have the faults that they are about.
      for (const count of Object.values(totals)) expect(count).toBeGreaterThan(STORIES / 2);
    },
    STORIES * 300,
  );

  it.each(CLUSTER_MUTANTS.map((mutant) => [mutant.why, mutant] as const))(
    'find a fault: one that %s',
    async (_, mutant) => {
      expect(await firstFailure(mutant)).toMatch(/^\d+: /);
    },
    120_000,
  );
});
