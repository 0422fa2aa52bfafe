import { readFile } from 'node:fs/promises';
import { root } from './run.js';

/** A subpath of the package: how it is imported, and its module below lib/ or dist/esm/, without ending. */
export interface Door {
  readonly specifier: string;
  readonly module: string;
}

interface Manifest {
  readonly name: string;
  readonly exports: Readonly<Record<string, string | { readonly import: { readonly default: string } }>>;
}

/** Returns the module that became a file of dist/esm/. */
export const moduleOf = (file: string): string => file.replace('./dist/esm/', '').replace(/\.js$/, '');

/** What `exports` of package.json offers. */
export async function doors(): Promise<readonly Door[]> {
  const { name, exports } = JSON.parse(await readFile(`${root}package.json`, 'utf8')) as Manifest;
  return Object.entries(exports).flatMap(([subpath, target]) =>
    typeof target === 'string' ? [] : [{ specifier: name + subpath.slice(1), module: moduleOf(target.import.default) }],
  );
}
