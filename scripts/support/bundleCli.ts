import { build } from 'esbuild';
import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { root } from './run.js';

/**
 * Bundles the command `rxwire` into one file, which needs nothing but Node. LMDB, which is native, is for `serve --store`.
 *
 * @param outfile A file two folders below package.json, whose version the command reads.
 */
export async function bundleCli(outfile: string): Promise<void> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: ['lib/cli/rxwire.ts'],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20.19',
    minifyWhitespace: true,
    minifySyntax: true,
    // For Node, RxJS offers only CommonJS, of which nothing can be left out.
    alias: { rxjs: './node_modules/rxjs/dist/esm/index.js' },
    // LMDB is for `serve --store`, which loads it when it opens the store; the others are native parts that ws and msgpackr do without.
    external: ['lmdb', 'bufferutil', 'utf-8-validate', 'msgpackr-extract'],
    // The packages that are CommonJS require what Node has.
    banner: {
      js: "#!/usr/bin/env node\nimport { createRequire as requireFrom } from 'node:module';\nconst require = requireFrom(import.meta.url);",
    },
    legalComments: 'eof',
    logLevel: 'warning',
    // The project's own would lead back to lib/ by the name of the package.
    tsconfigRaw: {},
    metafile: true,
  });
  await chmod(`${root}${outfile}`, 0o755);
  await writeFile(`${root}${dirname(outfile)}/licenses.txt`, await licensesOf(Object.keys(metafile.inputs)));
}

/** Returns the licences of the packages that these files are part of. */
async function licensesOf(files: readonly string[]): Promise<string> {
  const folders = new Set(files.flatMap((file) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? []));
  const texts = [...folders].sort().map(async (folder) => {
    const name = (await readdir(root + folder)).find((file) => /^licen[cs]e/i.test(file));
    if (name === undefined) throw new Error(`${folder} has no licence`);
    return `${folder.replace(/^.*node_modules\//, '')}\n\n${(await readFile(`${root}${folder}/${name}`, 'utf8')).trim()}\n`;
  });
  return `rxwire.js contains these packages.\n\n${(await Promise.all(texts)).join(`\n${'-'.repeat(80)}\n\n`)}`;
}
