import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { buildSync } from 'esbuild';

const outfile = 'node_modules/.cache/rxwire/randomThrows.mjs';

/** How many throws: `THROWS=10000 npm run -s jest -- spec/promises/randomThrows` takes half a minute. */
const { THROWS = '1000', SEED = '1' } = process.env;

interface Outcome {
  readonly total: number;
  /** How often each function has failed. */
  readonly failures: Readonly<Record<string, number>>;
  readonly wires: number;
  readonly wrong: readonly string[];
  readonly uncaught: readonly string[];
  readonly last: unknown;
  readonly endBefore: string;
  readonly end: string;
}

it(`${THROWS} random throws end neither the process nor listen, leave no message open, and each message has one last receipt`, async () => {
  buildSync({
    entryPoints: ['spec/promises/randomThrows.ts'],
    outfile,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    sourcemap: 'inline',
  });
  const env = { ...process.env, THROWS, SEED };
  const { stdout } = await promisify(execFile)(process.execPath, ['--enable-source-maps', outfile], { timeout: 290_000, env });
  const outcome = JSON.parse(stdout) as Outcome;
  expect(outcome).toMatchObject({
    total: Number(THROWS),
    wrong: [],
    uncaught: [],
    last: { status: 'acked', outcome: 'processed' },
    endBefore: 'none',
    end: 'complete',
  });
  expect(outcome.wires).toBeGreaterThan(50);
  // All kinds of functions have failed.
  expect(Object.keys(outcome.failures).length).toBeGreaterThan(35);
}, 300_000);
