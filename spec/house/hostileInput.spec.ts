import { readFileSync } from 'node:fs';

const page = readFileSync('docs/tested.md', 'utf8').replace(/^[^]*## Hostile input/, '');
const rows = [...page.matchAll(/^\| (?!input|-)(.+?) \|.*\| `(spec\/[^`]+)` \|$/gm)].map(([, name, file]) => ({
  name: name!.replaceAll('`', ''),
  file: file!,
}));
const ours = 'spec/server/hostileInput.spec.ts';
const titlesIn = (file: string): readonly string[] =>
  [...readFileSync(file, 'utf8').matchAll(/\b(?:describe|it)\('(.+?)', /g)].map(([, title]) => title!);

it('docs/tested.md has a row for each kind of hostile input', () => {
  expect(rows).toHaveLength(17);
});

it.each(rows)('docs/tested.md names a test that exists: $name', ({ name, file }) => {
  expect(titlesIn(file)).toContain(name);
});

it('each kind of hostile input that a server is tested with is a row of docs/tested.md', () => {
  const kinds = [...readFileSync(ours, 'utf8').matchAll(/^describe\('(.+?)', /gm)].map(([, title]) => title);
  expect(kinds).toEqual(rows.filter(({ file }) => file === ours).map(({ name }) => name));
});
