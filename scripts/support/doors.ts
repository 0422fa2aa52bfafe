import { readFile } from 'node:fs/promises';
import { root } from './run.js';

/** A subpath of the package: how it is imported, and its module below lib/ or dist/esm/, without ending. */
export interface Door {
  readonly specifier: string;
  readonly module: string;
}

/** What `exports` of package.json offers. */
export async function doors(): Promise<readonly Door[]> {
  const manifest = JSON.parse(await readFile(`${root}package.json`, 'utf8')) as { readonly name: string; readonly exports: object };
  return Object.keys(manifest.exports)
    .filter((subpath) => subpath !== './package.json')
    .map((subpath) => ({ specifier: manifest.name + subpath.slice(1), module: subpath === '.' ? 'index' : `${subpath.slice(2)}/index` }));
}
