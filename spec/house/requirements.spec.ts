import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import jestConfig from '../../jest.config.js';

const PAGE = 'docs/requirements.md';
const page = readFileSync(PAGE, 'utf8');
const rows = [
  ...page.matchAll(/^\| (?!what |in the |-)([^|]+) \| (?:\[[^\]]+\]\((\S+)\)|[^|`]+`docs\/([^`]+)`) \| (`spec\/.*`) \|$/gm),
].map(([, name = '', link, path, proofs = '']) => ({ name, link: link ?? path!, proofs }));
/** The rows whose tests begin with their names, in one file. */
const named = rows.flatMap(({ proofs, ...row }) => {
  const file = /^`(\S+)`$/.exec(proofs)?.[1];
  return file === undefined ? [] : [{ ...row, file }];
});
/** The tests that the other rows cite. */
const cited = rows.flatMap(({ name, proofs }) =>
  [...proofs.matchAll(/`(spec\/[^`]+)`: `([^`]+)`/g)].map(([, file = '', title = '']) => ({ name, file, title })),
);

interface Titles {
  readonly run: readonly string[];
  readonly skipped: readonly string[];
}

/** The titles of the tests of a file, and of the tables of tests that it imports: the keys of objects. */
function titlesIn(file: string, isTable = false): Titles {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.ESNext, true);
  const run: string[] = [];
  const skipped: string[] = [];
  const visit = (node: ts.Node, isSkipped: boolean): void => {
    const called = ts.isCallExpression(node) ? testOf(node) : undefined;
    const isOff = isSkipped || called?.isSkipped === true;
    if (called) (isOff ? skipped : run).push(called.title);
    if ((ts.isPropertyAssignment(node) || ts.isMethodDeclaration(node)) && ts.isStringLiteral(node.name)) run.push(node.name.text);
    const imported = ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier) ? node.moduleSpecifier.text : '';
    const path = join(dirname(file), imported.replace(/\.js$/, '.ts'));
    if (!isTable && imported.startsWith('.') && path.startsWith('spec/') && existsSync(path)) run.push(...titlesIn(path, true).run);
    ts.forEachChild(node, (child) => visit(child, isOff));
  };
  visit(source, false);
  return { run, skipped };
}

/** The title of `it('title')` and its relatives, which may have the name of a program before it; and whether it is skipped. */
function testOf({ expression, arguments: given }: ts.CallExpression): { readonly title: string; readonly isSkipped: boolean } | undefined {
  const title = given.find(ts.isStringLiteralLike);
  const name = /^(x?(?:it|test|describe)(?:With|InBrowsers)?)\b(.*)$/s.exec(expression.getText());
  if (!title || !name) return undefined;
  const isProgram = name[1] === 'describeWith' && given[1] !== undefined && ts.isStringLiteralLike(given[1]);
  return {
    title: isProgram ? (given[1] as ts.StringLiteral).text : title.text,
    isSkipped: name[1]!.startsWith('x') || /^\.(?:skip|todo|failing)\b/.test(name[2]!),
  };
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

it(`${PAGE} has a row for each requirement, and each says what shows it`, () => {
  const sections = page.slice(0, page.indexOf('## What differs'));
  expect(rows).toHaveLength((sections.match(/^\| (?!what |-)/gm) ?? []).length);
  expect(new Set(rows.map(({ name }) => name)).size).toBe(rows.length);
  expect([named.length, rows.length]).toEqual([33, 67]);
  for (const { name, proofs } of rows)
    expect([name, cited.some((one) => one.name === name) || /^`\S+`$/.test(proofs)]).toEqual([name, true]);
});

it.each(rows)('the requirement "$name" is described', ({ link }) => {
  expect(sectionOf(link).length).toBeGreaterThan(300);
});

describe.each(named)('the requirement "$name"', ({ name, link, file }) => {
  it('has tests that are named after it', () => {
    expect(titlesIn(file).run.filter((title) => title.startsWith(name))).not.toEqual([]);
  });

  it('is walked through with an example that runs', () => {
    expect(sectionOf(link)).toMatch(/^```ts$/m);
  });
});

it.each(cited)('$file runs "$title"', ({ file, title }) => {
  const { run, skipped } = titlesIn(file);
  expect(run).toContain(title);
  expect(skipped).not.toContain(title);
});

it('all files that the page names are run: what one project leaves out, the other runs', () => {
  const [fast, full] = jestConfig.projects as unknown as readonly {
    readonly testMatch: readonly string[];
    readonly testPathIgnorePatterns?: readonly string[];
  }[];
  const inFull = full!.testMatch.map((file) => file.replace('<rootDir>/', ''));
  expect(fast!.testMatch).toContain('<rootDir>/spec/**/*.spec.ts');
  expect(fast!.testPathIgnorePatterns).toEqual(full!.testMatch.map((file) => file.replaceAll('.', '\\.')));
  for (const file of [...named, ...cited].map(({ file: one }) => one)) {
    expect([file, file.endsWith('.spec.ts') && existsSync(file)]).toEqual([file, true]);
    expect(inFull.filter((one) => one === file).length).toBeLessThan(2);
  }
});

const files = new Set(named.map(({ file }) => file));

it.each([...files].filter((file) => !file.endsWith('requests.spec.ts')))('each test of %s is of a requirement', (file) => {
  const titles = [...readFileSync(file, 'utf8').matchAll(/^ {2}(?:describe|it)\('(.+?)',/gm)].map(([, title]) => title!);
  expect(titles.length).toBeGreaterThan(3);
  for (const title of titles) expect(rows.filter((row) => title.startsWith(row.name))).not.toEqual([]);
});
