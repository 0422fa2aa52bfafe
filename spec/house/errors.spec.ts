import { readFileSync } from 'node:fs';

const codesIn = (text: string): readonly string[] => [...new Set(text.match(/ERR_[A-Z_]+/g))].sort();

it('docs/errors.md has a heading for each error code, and for no other', () => {
  const headings = readFileSync('docs/errors.md', 'utf8').match(/^#+ .*$/gm) ?? [];
  expect(codesIn(headings.join('\n'))).toEqual(codesIn(readFileSync('lib/errors/rxwireError.ts', 'utf8')));
});
