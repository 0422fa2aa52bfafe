import { mkdir, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { Tally } from './tally.js';
import { runSeeds, type WorkersOptions } from './workers.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const FOLDER = `${ROOT}.tmp/simulation`;

/** Runs seeds in processes that need no compiler: the worker and all that it imports become one file. */
export async function runBundled({ worker, ...options }: Omit<WorkersOptions, 'file'> & { readonly worker: string }): Promise<Tally> {
  await mkdir(FOLDER, { recursive: true });
  const file = `${FOLDER}/${worker.replaceAll(/\W+/g, '-')}-${process.pid}.mjs`;
  await build({
    ...{ entryPoints: [fileURLToPath(new URL(worker, import.meta.url))], outfile: file },
    ...{ bundle: true, platform: 'node', format: 'esm', target: 'node20', packages: 'external', logLevel: 'silent' },
  });
  try {
    return await runSeeds({ ...options, file });
  } finally {
    await rm(file);
  }
}
