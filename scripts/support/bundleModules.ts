import { readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { rolldown, type ExternalOption, type OutputOptions, type Plugin } from 'rolldown';
import { breakLines } from './breakLines.js';
import { conditionalImports, isConditional } from './commonJsImports.js';
import { doors } from './doors.js';
import { root } from './run.js';

const COMMAND = 'adapters/cli/rxwire';
/** The packages that are part of the command, so that `npx rxwire` needs no optional peers. */
export const OF_COMMAND: readonly string[] = ['commander', 'ws'];
/** Marks a second copy of a module. */
const COPY = '?copy';
const lib = `${root}lib`;
/** The package imports these modules under names for which `imports` of package.json has conditions. */
const CONDITIONAL: Readonly<Record<string, string>> = { 'message/development.js': '#development', 'codec/checkBatch.js': '#checkBatch' };
const VARIANTS = ['message/development', 'message/strictDevelopment', 'message/production', 'codec/checkBatch', 'codec/productionBatch'];

/**
 * Bundles the entry points into a folder, minified. Code that several entry points use is in chunks, so that each class exists once. Bundlers leave out the
 * statements of a chunk that an application does not use.
 *
 * @param folder The folder of the modules: `dist/esm` or `dist/cjs`.
 */
export async function bundleModules(format: 'esm' | 'cjs', folder: string): Promise<void> {
  const target = resolve(root, folder);
  const replaced = await replacedModules();
  const modules = [...(await doors()).map(({ module }) => module), ...VARIANTS, ...replaced, ...(format === 'esm' ? [COMMAND] : [])];
  const bundle = await rolldown({
    input: Object.fromEntries(modules.map((module) => [module, `${lib}/${module}.ts`])),
    platform: 'node',
    external: isExternal,
    plugins: [separateFiles(replaced), commandServer, conditionalImports(format)],
    tsconfig: false, // the project's own would lead back to lib/ by the name of the package
    transform: { target: 'es2022' },
    resolve: { extensionAlias: { '.js': ['.ts', '.js'] } },
  });
  const maps: OutputOptions = format === 'esm' ? { sourcemap: true } : { dynamicImportInCjs: false, comments: false };
  const { output } = await bundle.write({
    dir: target,
    format,
    exports: 'named',
    minify: true,
    generatedCode: { symbols: false },
    chunkFileNames: '[name]-[hash].js',
    // In a chunk with the codec, each user of the ring would import msgpackr.
    codeSplitting: {
      groups: [
        { name: 'ring', test: /lib\/operators\/buffers\/ring\.ts$/ },
        // Constants that the variants share with the rest: one chunk, and not one for each module.
        { name: 'constants', test: /lib\/(message\/(messageLimits|reliabilityLevel)|codec\/envelopeLevels)\.ts$/ },
      ],
    },
    postBanner: ({ name }) => (name === COMMAND ? '#!/usr/bin/env node' : ''),
    ...maps,
  });
  await bundle.close();
  for (const file of output) if (file.type === 'chunk') await breakLines(join(target, file.fileName), file.map !== null);
  if (format === 'cjs') return;
  const files = output.flatMap((file) => (file.type === 'chunk' && file.name === COMMAND ? file.moduleIds : []));
  await writeFile(join(target, dirname(COMMAND), 'licenses.txt'), await licensesOf(files));
}

/** Returns the modules that bundlers for browsers replace, and their replacements, as `browser` in package.json names them. */
async function replacedModules(): Promise<readonly string[]> {
  const { browser } = JSON.parse(await readFile(`${root}package.json`, 'utf8')) as { readonly browser: Readonly<Record<string, string>> };
  const paths = Object.entries(browser).flat();
  return [...new Set(paths.map((path) => path.replace(/^\.\/dist\/(?:esm|cjs)\/(.*)\.js$/, '$1')))];
}

/** Packages stay imports, but those of the command. */
const isExternal: ExternalOption = (id, importer = '') => {
  if (/^[./]/.test(id) || isConditional(id)) return false;
  const isOfCommand = importer.startsWith(`${lib}/adapters/cli/`) || importer.endsWith(COPY);
  return !(isOfCommand && OF_COMMAND.includes(id)) && (id.startsWith('node:') || !importer.includes('/node_modules/'));
};

/** Keeps these modules, CommonJS, and those with variants in files of their own, which all others import. */
const separateFiles = (modules: readonly string[]): Plugin => ({
  name: 'separate files',
  resolveId(source, importer) {
    if (importer === undefined || !source.startsWith('.')) return undefined;
    const path = relative(lib, resolve(dirname(importer), source));
    const name = CONDITIONAL[path];
    if (name !== undefined) return { id: importer.endsWith('/strictDevelopment.ts') ? join(lib, path) : name, external: true };
    const isSeparate = source.endsWith('.cjs') || modules.includes(path.replace(/\.js$/, ''));
    return isSeparate ? { id: join(lib, path), external: true } : undefined;
  },
});

/** Gives the command a copy of `listen` that contains `ws`. */
const commandServer: Plugin = {
  name: 'server of the command',
  resolveId(source, importer = '') {
    const isServer = importer.startsWith(`${lib}/adapters/cli/`) && source === '../../server/listen.js';
    return isServer ? `${lib}/server/listen.ts${COPY}` : undefined;
  },
  async load(id) {
    return id.endsWith(COPY) ? { code: await readFile(id.slice(0, -COPY.length), 'utf8'), moduleType: 'ts' } : undefined;
  },
};

/** Returns the licences of the packages that these files are part of. */
async function licensesOf(files: readonly string[]): Promise<string> {
  const folders = new Set(files.flatMap((file) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? []));
  const texts = [...folders].sort().map(async (folder) => {
    const name = (await readdir(folder)).find((file) => /^licen[cs]e/i.test(file));
    if (name === undefined) throw new Error(`${folder} has no licence`);
    return `${basename(folder)}\n\n${(await readFile(`${folder}/${name}`, 'utf8')).trim()}\n`;
  });
  return `rxwire.js contains these packages.\n\n${(await Promise.all(texts)).join(`\n${'-'.repeat(80)}\n\n`)}`;
}
