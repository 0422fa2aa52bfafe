/** npm run size: what an import adds to a browser bundle, minified and gzipped, rxjs left out; fails over budget. */
import { build } from 'esbuild';
import { readdirSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { root } from './support/run.js';

const KIB = 1024;
const OPERATOR = 0.6 * KIB;
const operators = readdirSync(`${root}lib/operators`).map((file) => file.replace('.ts', ''));

/** Bytes that the importer of these names pays for at most. */
const budgets: readonly (readonly [names: string, bytes: number])[] = [
  ...operators.map((name) => [name, OPERATOR] as const),
  ['createMessage', 0.5 * KIB],
  ['connect, webSocket, json', 5 * KIB],
];

/** Bundles the built package as its users' bundlers do: by name, through its `exports` and `browser` fields. */
async function sizeOf(names: string): Promise<number> {
  const { outputFiles } = await build({
    stdin: { contents: `export { ${names} } from 'rxwire';`, resolveDir: root },
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    external: ['rxjs'],
    tsconfigRaw: {}, // the project's own would lead back to lib/
    logLevel: 'error',
  });
  return gzipSync(outputFiles[0]?.contents ?? '', { level: 9 }).length;
}

function row(names: string, bytes: number, budget: number): string {
  const share = bytes / budget;
  const bar = '█'.repeat(Math.min(20, Math.round(share * 20))).padEnd(20, '░');
  const kib = (value: number): string => (value / KIB).toFixed(2).padStart(5);
  return `${names.padEnd(26)} ${bar} ${kib(bytes)} of ${kib(budget)} KiB ${share > 1 ? ' OVER BUDGET' : ''}`.trimEnd();
}

for (const [names, budget] of budgets) {
  const bytes = await sizeOf(names);
  console.log(row(names, bytes, budget));
  if (bytes > budget) process.exitCode = 1;
}
