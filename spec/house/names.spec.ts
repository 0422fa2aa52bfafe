import { basename } from 'node:path';
import { libFiles } from './imports.js';

/** Basenames that two files still have, because a file outside of the finished folders waits to be renamed. The list only shrinks. */
const KNOWN: readonly string[] = [];

/** The basenames that occur more than once, sorted. `index.ts` is the door of its folder. */
function clashesOf(files: readonly string[]): readonly string[] {
  const names = files.map((file) => basename(file)).filter((name) => name !== 'index.ts');
  return [...new Set(names.filter((name, index) => names.indexOf(name) !== index))].sort();
}

it('no two files of lib/ have the same basename', () => {
  expect(clashesOf(libFiles()).filter((name) => !KNOWN.includes(name))).toEqual([]);
});

it('the list of known clashes has no entry that does not clash any more', () => {
  expect(KNOWN.filter((name) => !clashesOf(libFiles()).includes(name))).toEqual([]);
});

it('finds a clash between folders, and ignores index.ts', () => {
  expect(clashesOf(['a/index.ts', 'b/index.ts', 'a/x.ts', 'b/c/x.ts', 'b/y.ts'])).toEqual(['x.ts']);
});
