import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { rollup } from 'rollup';
import { dts } from 'rollup-plugin-dts';
import { doors } from './doors.js';
import { root, tool } from './run.js';

/** Compiles lib/ to declarations, one file a module, and returns their folder. Compiles only what has changed since the last call. */
export async function compileTypes(): Promise<string> {
  await tool('typescript/bin/tsc', '-p', 'tsconfig.build.json');
  return `${root}.tmp/types`;
}

/**
 * Bundles the declarations of the entry points into a folder, without those that no entry point mentions.
 *
 * The declarations are those of CommonJS modules. For ES modules, each entry point has a file that exports the same declarations: so both kinds of module
 * share one copy, which an ES module may import, but not the other way round.
 */
export async function bundleTypes(folder: string): Promise<void> {
  const target = resolve(root, folder);
  const [declared, all] = await Promise.all([compileTypes(), doors()]);
  const bundle = await rollup({
    input: Object.fromEntries(all.map(({ module }) => [module, `${declared}/${module}.d.ts`])),
    external: (id) => !/^[./]/.test(id),
    plugins: [dts({ tsconfig: `${root}tsconfig.build.json` })],
    onwarn: ({ message }) => {
      throw new Error(message);
    },
  });
  const { output } = await bundle.generate({ format: 'es', entryFileNames: '[name].d.ts', chunkFileNames: '[name]-[hash].d.ts' });
  const files = output.flatMap((file) =>
    file.type === 'chunk' ? [[file.fileName, withNode(withTabs(withoutPrivate(file.code)))] as const] : [],
  );
  const esm = all.map(({ module }) => [`${module}.d.mts`, `export * from './index.js';\n`] as const);
  for (const [name, text] of [...files, ...esm, ['package.json', '{ "type": "commonjs" }\n'] as const]) {
    await mkdir(dirname(join(target, name)), { recursive: true });
    await writeFile(join(target, name), text);
  }
}

/** Refers to the types of Node where the declarations use them: TypeScript 7 does not include them by itself. */
const withNode = (code: string): string => (/ from 'node:/.test(code) ? `/// <reference types="node" />\n${code}` : code);

/**
 * Leaves out the `#private` that stands for the private fields of a class: a project whose `target` is ES5, the default of TypeScript 5, may not contain one.
 */
const withoutPrivate = (code: string): string => code.replace(/^ +#private;\n/gm, '');

/** Indents with tabs, which take a quarter of the space. */
const withTabs = (code: string): string => code.replace(/^(?: {4})+/gm, (indent) => '\t'.repeat(indent.length / 4));
