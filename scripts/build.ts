/** npm run build: lib/ to dist/, one file per module, as ESM and as CommonJS, each with its types; and the command, in one file. */
import { copyFile, readFile, rm, writeFile } from 'node:fs/promises';
import { bundleCli } from './support/bundleCli.js';
import { root, tool } from './support/run.js';

interface Manifest {
  readonly browser: Readonly<Record<string, string>>;
}

process.chdir(root);
await rm('dist', { recursive: true, force: true });
await Promise.all(['tsconfig.build.json', 'tsconfig.cjs.json'].map((config) => tool('typescript/bin/tsc', '-p', config)));

// The compiler does not copy what is CommonJS in both builds.
for (const format of ['esm', 'cjs']) await copyFile('lib/node/lmdbPackage.cjs', `dist/${format}/node/lmdbPackage.cjs`);

// Bundlers read the nearest manifest only: it has to repeat what the package's own says of these files.
const { browser } = JSON.parse(await readFile('package.json', 'utf8')) as Manifest;
const swaps = Object.entries(browser)
  .filter(([file]) => file.startsWith('./dist/cjs/'))
  .map((pair) => pair.map((file) => file.replace('dist/cjs/', '')));
const manifest = { type: 'commonjs', sideEffects: false, browser: Object.fromEntries(swaps) as unknown };
await writeFile('dist/cjs/package.json', `${JSON.stringify(manifest, null, 2)}\n`);

await bundleCli('dist/cli/rxwire.js');
