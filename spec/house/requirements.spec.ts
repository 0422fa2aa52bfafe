import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { filesBelow } from '../../scripts/support/filesBelow.js';

const PAGE = 'docs/requirements.md';
const rows = [...readFileSync(PAGE, 'utf8').matchAll(/^\| (?!what |-)(.+?) \| \[[^\]]+\]\((\S+)\) \| `(\S+)` \|$/gm)].map(
  ([, name, link, file]) => ({
    name: name!,
    link: link!,
    file: file!,
  }),
);

/** The titles of all tests of a file; a table of them counts by its keys. */
function titlesIn(file: string): readonly string[] {
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(/\b(?:describe|it)\(\s*'(.+?)',|^ {4}'(.+?)': \{/gm)].map(([, title, key]) => title ?? key!);
}

/** What a page says under a heading, until the next that is no lower; all of it, without one. */
function sectionOf(link: string): string {
  const [path = '', anchor] = link.split('#');
  const text = readFileSync(join(dirname(PAGE), path), 'utf8');
  if (!anchor) return text;
  const parts = text.split(/^(?=#{1,4} )/m);
  const levelOf = (part: string): number => /^#*/.exec(part)![0].length;
  const idOf = (part: string): string =>
    /^#+ (.*)/
      .exec(part)?.[1]
      ?.toLowerCase()
      .replaceAll(/[^\w -]/g, '')
      .replaceAll(' ', '-') ?? '';
  const at = parts.findIndex((part) => idOf(part) === anchor);
  const end = parts.findIndex((part, index) => index > at && levelOf(part) <= levelOf(parts[at]!));
  return at < 0 ? '' : parts.slice(at, end < 0 ? undefined : end).join('');
}

it(`${PAGE} has a row for each requirement`, () => {
  expect(rows).toHaveLength(33);
  expect(new Set(rows.map(({ name }) => name)).size).toBe(33);
});

describe.each(rows)('the requirement "$name"', ({ name, link, file }) => {
  it('has tests that are named after it', () => {
    expect(titlesIn(file).filter((title) => title.startsWith(name))).not.toEqual([]);
  });

  it('is walked through with an example that runs', () => {
    expect(sectionOf(link)).toMatch(/^```ts$/m);
  });
});

const files = new Set(rows.map(({ file }) => file));

it.each([...files].filter((file) => !file.endsWith('requests.spec.ts')))('each test of %s is of a requirement', (file) => {
  const titles = [...readFileSync(file, 'utf8').matchAll(/^ {2}(?:describe|it)\('(.+?)',/gm)].map(([, title]) => title!);
  expect(titles.length).toBeGreaterThan(3);
  for (const title of titles) expect(rows.filter((row) => row.file === file && title.startsWith(row.name))).not.toEqual([]);
});

it('the files of requirements are there', () => {
  expect(readdirSync('spec/requirements').map((name) => `spec/requirements/${name}`)).toEqual(expect.arrayContaining([...files]));
});

/** The rows that name a test and not a file. Their page is a link, or, where the package does not have it, a path of the repository. */
const proofs = [
  ...readFileSync(PAGE, 'utf8').matchAll(/^\| (?!what |-)(.+?) \| (?:\[[^\]]+\]\((\S+)\)|[^|`]+`docs\/([^`]+)`) \| `([^`]*\s[^`]*)` \|$/gm),
].map(([, name, link, path, title]) => [name!, link ?? path!, title!] as const);
const specs = filesBelow('spec', '.ts')
  .filter((file) => !file.startsWith('spec/house'))
  .map((file) => readFileSync(file, 'utf8'))
  .join('\n');

it(`${PAGE} names tests for transports, codecs, delivery and scenarios`, () => {
  expect(proofs.length).toBeGreaterThanOrEqual(24);
});

it.each(proofs)('"%s" is walked through, and shown', (_, link, title) => {
  expect(sectionOf(link).length).toBeGreaterThan(500);
  expect(specs).toContain(`'${title}'`);
});
