import { mkdir, readFile, rm } from 'node:fs/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';
import type { Outcome } from './world.js';

/** A deliberate fault: a text of one file of `lib`, and the text that takes its place. */
export interface TextMutant {
  readonly name: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** The first seed that is tried: it is known that those before do not find the fault. @default 1 */
  readonly firstSeed?: number;
}

export interface TextMutantOptions {
  /** The file of the simulation, in this folder. */
  readonly world: string;
  /** The function of this file that runs a seed. */
  readonly run: string;
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const FOLDER = `${ROOT}.tmp/simulation`;
/** How many seeds are tried for a fault. */
const SEEDS = 400;

let made = 0;

/** Runs seeds with a deliberate fault. Returns the first failure; undefined if no seed finds the fault. */
export async function runTextMutant(
  mutant: TextMutant,
  { world, run }: TextMutantOptions,
): Promise<(Outcome['violation'] & { readonly seed: number }) | undefined> {
  await mkdir(FOLDER, { recursive: true });
  const outfile = `${FOLDER}/mutant-${++made}-${process.pid}.mjs`;
  const change: Plugin = {
    name: 'mutant',
    setup: ({ onLoad }) =>
      onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        if (path !== `${ROOT}lib/${mutant.file}`) return undefined;
        const text = await readFile(path, 'utf8');
        if (text.split(mutant.from).length !== 2) throw new Error(`the mutant "${mutant.name}" must match once`);
        return { contents: text.replace(mutant.from, () => mutant.to), loader: 'ts' };
      }),
  };
  await build({
    ...{ entryPoints: [`${ROOT}spec/simulation/${world}`], outfile, plugins: [change] },
    ...{ bundle: true, platform: 'node', format: 'esm', target: 'node20', packages: 'external', logLevel: 'silent' },
  });
  try {
    const module = (await import(pathToFileURL(outfile).href)) as Readonly<Record<string, (seed: number) => Outcome | Promise<Outcome>>>;
    const { firstSeed = 1 } = mutant;
    for (let seed = firstSeed; seed < firstSeed + SEEDS; seed++) {
      const { violation } = await module[run]!(seed);
      if (violation) return { seed, ...violation };
    }
    return undefined;
  } finally {
    await rm(outfile);
  }
}
