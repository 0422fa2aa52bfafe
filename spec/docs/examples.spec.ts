import { readdirSync, readFileSync } from 'node:fs';
import { filesBelow } from '../../scripts/support/filesBelow.js';
import { compile, type Compiled } from './compile.js';
import { examplesOf, unchecked, type Example } from './extract.js';
import { run } from './run.js';

/** `DOCS=docs/guide/wire.md,docs/errors.md` in the environment checks these files alone. */
const chosen = process.env['DOCS']?.split(',');
const files = [
  ...readdirSync('.').filter((file) => file.endsWith('.md')),
  ...filesBelow('docs', '.md'),
  ...filesBelow('lib', '.ts'),
].filter((file) => chosen?.some((path) => file.startsWith(path)) ?? true);
const texts = files.map((file) => [file, readFileSync(file, 'utf8')] as const);
const compiled = compile(texts.flatMap(([file, text]) => examplesOf(file, text)));

it.each(compiled.map((one) => [`${one.example.file}:${one.example.line}`, one] as const))(
  '%s',
  async (_, one) => {
    expect(one.faults).toEqual([]);
    if (one.example.runs) await run(one);
  },
  15_000,
);

it('leaves no code of the docs unchecked', () => {
  expect(texts.flatMap(([file, text]) => unchecked(file, text))).toEqual([]);
});

// Here, where the library is parsed already.
describe('the check of an example', () => {
  const codes = {
    right: `import { map, of } from 'rxjs';\nof(1, 2).pipe(map((n) => n * 2)).subscribe((n) => console.log(n)); // prints: 2 4`,
    late: `import { delay, of } from 'rxjs';\nof('loaded').pipe(delay(20)).subscribe((text) => console.log(text)); // prints: loaded`,
    wrong: `console.log(1); // prints: 2`,
    missing: `if (Date.now() < 0) console.log(1); // prints: 1`,
    tooMuch: `console.log(1); // prints: 1\nconsole.log(2);`,
    order: `console.log(1); // prints: 2\nconsole.log(2); // prints: 1`,
    throws: `throw new Error('at once');`,
    throwsLater: `import { of } from 'rxjs';\nof(1).subscribe(() => { throw new Error('later'); });`,
    failsAsTest: `import { marble } from 'rxwire/testing';\nmarble('is wrong', { source: '-a|', expected: '-b|' }, (source) => source);`,
    mistyped: `\nconst n: number = 'text';`,
    undeclared: `nowhere$.subscribe();`,
    augments: `import { createMessage } from 'rxwire';\ndeclare module 'rxwire' { interface MessageTypes { 'chat.said': { readonly text: string } } }\ncreateMessage('chat.said', { text: 'hi' });`,
    unaware: `import { createMessage } from 'rxwire';\ncreateMessage('chat.said', 'any text');`,
    commonJs: `import { join } from 'node:path';\nconsole.log(join('a', 'b')); // prints: a/b`,
  };
  const examples = Object.values(codes).map((code): Example => ({ file: 'a.md', line: 10, code, runs: true }));
  const compiled = compile(examples);
  const the = (name: keyof typeof codes): Compiled => compiled[Object.keys(codes).indexOf(name)]!;

  it.each(['right', 'late', 'augments', 'unaware', 'commonJs'] as const)('passes one that is %s', async (name) => {
    expect(the(name).faults).toEqual([]);
    await run(the(name));
  });

  it.each([
    ['wrong', 'Expected: "2"'],
    ['tooMuch', 'Received: "1 2"'],
    ['order', 'Received: "1 2"'],
    ['throws', 'at once'],
    ['throwsLater', 'later'],
    ['failsAsTest', 'the marbles differ'],
  ] as const)('fails one that is %s', async (name, message) => {
    await expect(run(the(name))).rejects.toThrow(message);
  });

  it('fails an example that does not print its stated output, after a while', async () => {
    await expect(run(the('missing'), 50)).rejects.toThrow('Expected: "1"');
  });

  it.each([
    ['mistyped', `a.md:11 Type 'string' is not assignable to type 'number'.`],
    ['undeclared', `a.md:10 Cannot find name 'nowhere$'.`],
  ] as const)('finds the type error of one that is %s', (name, fault) => {
    expect(the(name).faults).toEqual([fault]);
  });
});
