import { build } from 'esbuild';
import type { Plugin } from 'rolldown';
import { root } from './run.js';

/**
 * The `imports` that only the CommonJS modules have. Some packages are ES modules under the condition `browser`, also for `require`. Jest sets this condition in
 * a page, and cannot require an ES module.
 */
export const IMPORTS_OF_COMMONJS = {
  // This package has no other code for browsers: `copyNanoid` makes a copy of it.
  '#nanoid': { browser: './nanoid.js', default: 'nanoid' },
  '#msgpackr': { browser: 'msgpackr/index-no-eval', default: 'msgpackr' },
} as const;

/** Whether {@link conditionalImports} resolves this specifier. */
export const isConditional = (specifier: string): boolean => `#${specifier}` in IMPORTS_OF_COMMONJS;

/** Leaves these packages imports. In CommonJS modules, their names are those above. */
export const conditionalImports = (format: 'esm' | 'cjs'): Plugin => ({
  name: 'conditional imports',
  resolveId: (source) => (isConditional(source) ? { id: format === 'cjs' ? `#${source}` : source, external: true } : undefined),
});

/** Makes the copy of nanoid, in the folder of the CommonJS modules. */
export async function copyNanoid(folder: string): Promise<void> {
  await build({
    stdin: { contents: `export { nanoid } from './index.browser.js'`, resolveDir: `${root}node_modules/nanoid` },
    outfile: `${folder}/nanoid.js`,
    bundle: true,
    minify: true,
    format: 'cjs',
    target: 'es2022',
    banner: { js: '/*! nanoid 3, MIT License, Copyright 2017 Andrey Sitnik <andrey@sitnik.ru> */' },
  });
}
