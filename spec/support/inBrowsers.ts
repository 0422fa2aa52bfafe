import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Plugin } from 'esbuild';

const { browser } = JSON.parse(readFileSync('package.json', 'utf8')) as { readonly browser: Readonly<Record<string, string>> };

/** Returns the source of a file of the package: its path in lib/. */
export const sourceOf = (file: string): string => file.replace(/^\.\/dist\/(esm|cjs)\/(.*)\.js$/, '$2.ts');

/** The files that bundlers for browsers replace, and their replacements: paths in lib/. */
export const replacements: ReadonlyMap<string, string> = new Map(
  Object.entries(browser).map(([from, to]) => [sourceOf(from), sourceOf(to)]),
);

/** Replaces the sources of these files, as a bundler does with those of the package. */
export const inBrowsers: Plugin = {
  name: 'in browsers',
  setup({ onResolve }) {
    for (const [from, to] of replacements) {
      const name = from.replace(/^.*\//, '').replace('.ts', '');
      onResolve({ filter: new RegExp(`/${name}\\.js$`) }, () => ({ path: resolve('lib', to) }));
    }
  },
};
