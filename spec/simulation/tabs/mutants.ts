import { mkdir, readFile, rm } from 'node:fs/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';
import type { Outcome } from '../world.js';
import type { runTabs } from './world.js';

/** A deliberate fault: a text of one file of `lib`, and the text that takes its place. */
export interface TabsMutant {
  readonly name: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** The first seed that is tried: it is known that those before do not find the fault. @default 1 */
  readonly firstSeed?: number;
}

const GROUP = 'io/shared/tabGroup.ts';
const CONNECTION = 'io/shared/sharedConnection.ts';
const SERVER = 'server/accept/multiplexedConnection.ts';

export const tabsMutants: readonly TabsMutant[] = [
  { name: 'a leader keeps its connection when the lock is stolen', file: GROUP, from: 'if (leader) resign(', to: 'if (false) resign(' },
  {
    name: 'the stream of a former leader does not fail',
    file: GROUP,
    from: 'if (isOpen) {',
    to: 'if (isOpen) return;\n      if (isOpen) {',
  },
  { name: 'a leader that leaves keeps the lock', file: GROUP, from: 'own.add(leaving$.subscribe(leaveAll));', to: '', firstSeed: 301 },
  { name: 'a tab waits for a leader that hangs', file: GROUP, from: 'takeOver: () => stand(true)', to: 'takeOver: () => undefined' },
  { name: 'a frame goes to the latest stream', file: CONNECTION, from: 'byNumber.get(read.stream)', to: '[...byNumber.values()].at(-1)' },
  { name: 'a dead connection is kept', file: CONNECTION, from: 'isSilent && one.heardAt === received', to: 'false', firstSeed: 151 },
  { name: 'the end of a stream is not sent', file: CONNECTION, from: 'outgoing?.next(closeOfStream(', to: 'void (closeOfStream(' },
  { name: 'the last stream leaves the connection open', file: CONNECTION, from: 'if (streams.size > 0) return;', to: 'return;' },
  {
    name: 'the lock of a dead tab is not awaited',
    file: 'io/shared/tabChannel.ts',
    from: 'next: onGone,',
    to: 'next: () => undefined,',
  },
  {
    name: 'a server ignores the end of a stream',
    file: SERVER,
    from: 'else if (close) stream.closed(close);',
    to: 'else if (close) return;',
  },
  {
    name: 'a server passes frames to the latest stream',
    file: SERVER,
    from: 'this.#streams.get(number)',
    to: 'this.#streams.get(this.#latest)',
  },
];

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const FOLDER = `${ROOT}.tmp/simulation`;
/** How many seeds are tried for a fault. */
const SEEDS = 400;

/** Runs seeds with a deliberate fault. Returns the first failure; undefined if no seed finds the fault. */
export async function runMutant(mutant: TabsMutant): Promise<(Outcome['violation'] & { readonly seed: number }) | undefined> {
  await mkdir(FOLDER, { recursive: true });
  const outfile = `${FOLDER}/mutant-${tabsMutants.indexOf(mutant)}-${process.pid}.mjs`;
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
    ...{ entryPoints: [`${ROOT}spec/simulation/tabs/world.ts`], outfile, plugins: [change] },
    ...{ bundle: true, platform: 'node', format: 'esm', target: 'node20', packages: 'external', logLevel: 'silent' },
  });
  try {
    const world = (await import(pathToFileURL(outfile).href)) as { readonly runTabs: typeof runTabs };
    const { firstSeed = 1 } = mutant;
    for (let seed = firstSeed; seed < firstSeed + SEEDS; seed++) {
      const { violation } = world.runTabs(seed);
      if (violation) return { seed, ...violation };
    }
    return undefined;
  } finally {
    await rm(outfile);
  }
}
