import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { libFiles } from './imports.js';

const PAGES = ['docs/architecture.md', 'CONTRIBUTING.md'];
const FILE = /`((?:[\w.-]+\/)*[\w.-]+\.(?:ts|js|cjs|json|md|sh))`/g;
const FOLDER = /`((?:[\w.-]+\/)*[\w.-]+)\/`/g;

/** The paths of files and folders that a page names in code: `a/b.ts`, `b.ts` and `a/`. Code blocks do not count. */
function namedIn(text: string): readonly string[] {
  const prose = text.replaceAll(/^\s*```[^]*?^\s*```$/gm, '');
  return [...new Set([...prose.matchAll(FILE), ...prose.matchAll(FOLDER)].map(([, path]) => path!))];
}

const names = new Set(libFiles().flatMap((file) => [basename(file), basename(dirname(file))]));

/** Whether a path exists: from the top of the repository, from lib/, or as the name of a file or folder of lib/. */
function isThere(path: string): boolean {
  return existsSync(path) || existsSync(`lib/${path}`) || names.has(path);
}

describe.each(PAGES)('%s', (page) => {
  const paths = namedIn(readFileSync(page, 'utf8'));

  it('names files', () => {
    expect(paths.length).toBeGreaterThan(10);
  });

  it('names only files and folders that exist', () => {
    expect(paths.filter((path) => !isThere(path))).toEqual([]);
  });
});

it('finds the paths that a page names, and those that do not exist', () => {
  const text = 'See `wire/wire.ts`, `session/gone.ts`, `spec/house/`, `spec/gone/` and `wire.next(x)`.\n\n```ts\n// `in/code.ts`\n```\n';
  expect(namedIn(text)).toEqual(['wire/wire.ts', 'session/gone.ts', 'spec/house', 'spec/gone']);
  expect(namedIn(text).filter((path) => !isThere(path))).toEqual(['session/gone.ts', 'spec/gone']);
});
