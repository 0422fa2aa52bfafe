import { execFile } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { build, type Plugin } from 'esbuild';
import { STORE_MUTANTS, type StoreMutant } from './storeMutants.js';
import { inboxStory, outboxStory, queueStory, type Tally } from './storeStories.js';

/** 100,000 for a long run: `STORE_STORIES=100000 npm run -s jest -- spec/stores/storedThings`. */
const STORIES = Number(process.env['STORE_STORIES'] ?? 2_000);
/** Seeds that a mutant may live through. */
const MAX_SEEDS = 500;
const FOLDER = '.tmp/storeStories';

const patching = ({ file, find, replace }: StoreMutant): Plugin => ({
  name: 'mutant',
  setup({ onLoad }) {
    onLoad({ filter: new RegExp(`/${file}$`) }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      if (source.split(find).length !== 2) throw new Error(`${file} must have one place like this: ${find}`);
      return { contents: source.replace(find, () => replace), loader: 'ts' };
    });
  },
});

describe('what stands on a store, whatever happens', () => {
  it.each([
    ['outboxes', outboxStory],
    ['inboxes and letters', inboxStory],
    ['queues', queueStory],
  ] as const)(
    `is right in ${STORIES} stories of %s`,
    (_, story) => {
      const tally: Tally = { lost: 0, failed: 0, late: 0, crashes: 0, fenced: 0, stored: 0 };
      for (let seed = 1; seed <= STORIES; seed++) {
        try {
          story(seed, tally);
        } catch (cause) {
          throw new Error(`seed ${seed}: ${(cause as Error).message}`, { cause });
        }
      }
      // The stories have the faults that they are about.
      for (const count of Object.values(tally)) expect(count).toBeGreaterThan(STORIES / 8);
    },
    STORIES * 100,
  );

  it.each(STORE_MUTANTS.map((mutant) => [mutant.why, mutant] as const))(
    'is not one that %s',
    async (_, mutant) => {
      await mkdir(FOLDER, { recursive: true });
      const outfile = `${FOLDER}/worker-${process.pid}.mjs`;
      const shared = { bundle: true, platform: 'node', format: 'esm', packages: 'external', logLevel: 'silent' } as const;
      await build({ entryPoints: ['spec/stores/storeWorker.ts'], outfile, plugins: [patching(mutant)], ...shared });
      expect((await promisify(execFile)(process.execPath, [outfile, String(MAX_SEEDS)])).stdout).toMatch(/^\d+: /);
    },
    60_000,
  );
});
