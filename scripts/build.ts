/**
 * npm run build: makes the package in dist/, from lib/: `npm pack ./dist` packs it. The modules are bundled and minified, as ES modules with source maps and
 * as CommonJS. Both share one copy of the types.
 *
 * With `-- --js` the package has no types: it takes less time, and can run, but not be published. `--out <folder>` makes it in another folder.
 */
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { bundleModules } from './support/bundleModules.js';
import { copyNanoid, IMPORTS_OF_COMMONJS } from './support/commonJsImports.js';
import { bundleTypes } from './support/bundleTypes.js';
import { packedManifest, type Manifest } from './support/packedManifest.js';
import { PACKED_PAGES, packedPage } from './support/packedPages.js';
import { root } from './support/run.js';
import { readTemplates } from './support/templates.js';

const { values } = parseArgs({ options: { js: { type: 'boolean', default: false }, out: { type: 'string', default: 'dist' } } });
const { js, out } = values;
process.chdir(root);
await rm(out, { recursive: true, force: true });
await Promise.all([bundleModules('esm', `${out}/esm`), bundleModules('cjs', `${out}/cjs`), ...(js ? [] : [bundleTypes(`${out}/types`)])]);

const manifest = packedManifest(JSON.parse(await readFile('package.json', 'utf8')) as Manifest);
await writeJson('package.json', js ? { ...manifest, private: true } : manifest);
// Bundlers read the nearest manifest only.
const replaced = Object.entries(manifest.browser).filter(([file]) => file.startsWith('./cjs/'));
const browser = Object.fromEntries(replaced.map((pair) => pair.map((file) => file.replace('./cjs/', './')))) as unknown;
const imports = JSON.parse(JSON.stringify(manifest.imports).replaceAll('./esm/', './')) as object;
await writeJson('cjs/package.json', { type: 'commonjs', sideEffects: false, browser, imports: { ...imports, ...IMPORTS_OF_COMMONJS } });
await copyNanoid(`${out}/cjs`);

for (const format of ['esm', 'cjs']) await copy('lib/stores/lmdb/lmdbPackage.cjs', `${format}/stores/lmdb/lmdbPackage.cjs`);
await copy('lib/codec/protobuf/rxwire.proto', 'rxwire.proto');
await copy('LICENSE', 'LICENSE');
await write('templates.json.gz', gzipSync(JSON.stringify(readTemplates()), { level: 9 }));
for (const page of PACKED_PAGES) await write(page, packedPage(page, await readFile(page, 'utf8')));

async function write(file: string, text: string | Uint8Array): Promise<void> {
  await mkdir(dirname(join(out, file)), { recursive: true });
  await writeFile(join(out, file), text);
}

async function copy(from: string, to: string): Promise<void> {
  await mkdir(dirname(join(out, to)), { recursive: true });
  await copyFile(from, join(out, to));
}

async function writeJson(file: string, value: object): Promise<void> {
  await write(file, `${JSON.stringify(value, null, 2)}\n`);
}
