import { compile, type Compiled } from './compile.js';
import { examplesOf, unchecked, type Example } from './extract.js';
import { freeNames } from './freeNames.js';
import { makers } from './prelude.js';
import { run } from './run.js';

const fence = (info: string, code: string): string => `Text.\n\n\`\`\`${info}\n${code}\n\`\`\`\n`;

describe('examplesOf', () => {
  it('finds the ts blocks of a Markdown file, and where they are', () => {
    const text = fence('ts', 'one();') + fence('sh', 'npm ci') + fence('ts no-run', 'two();\nthree();');
    expect(examplesOf('a.md', text)).toEqual([
      { file: 'a.md', line: 4, code: 'one();\n', runs: true },
      { file: 'a.md', line: 14, code: 'two();\nthree();\n', runs: false },
    ]);
  });

  it('finds each @example of a docstring, up to the next tag', () => {
    const text = '/**\n * Does.\n *\n * @example\n * one();\n * @example\n * two({\n *   a,\n * });\n * @see it\n */\nexport {};\n';
    expect(examplesOf('a.ts', text)).toEqual([
      { file: 'a.ts', line: 5, code: 'one();\n', runs: true },
      { file: 'a.ts', line: 7, code: 'two({\n  a,\n});\n', runs: true },
    ]);
  });

  it('takes a fence in a docstring at its word', () => {
    const [example] = examplesOf('a.ts', '/**\n * @example\n * ```ts no-run\n * one();\n * ```\n */');
    expect(example).toEqual({ file: 'a.ts', line: 4, code: 'one();\n', runs: false });
  });

  it('reports code under a name that nobody checks', () => {
    expect(unchecked('a.md', fence('js', 'one();') + fence('ts norun', '') + fence('ts angular', '') + fence('json', '{}'))).toHaveLength(
      2,
    );
  });
});

describe('freeNames', () => {
  it('leaves out what is declared at the top, and names of members', () => {
    const code = `import { a } from 'x'; const { b, c: [d] } = a.e; function f(g: H.I) { return { j: k, b }; }`;
    expect([...freeNames(code)].sort()).toEqual(['H', 'g', 'k']);
  });
});

describe('the check of an example', () => {
  const codes = {
    right: `of(1, 2).pipe(map((n) => n * 2)).subscribe((n) => console.log(n)); // prints: 2 4`,
    late: `load$.pipe(delay(20)).subscribe((text) => console.log(text)); // prints: loaded`,
    wrong: `console.log(1); // prints: 2`,
    missing: `if (Date.now() < 0) console.log(1); // prints: 1`,
    tooMuch: `console.log(1); // prints: 1\nconsole.log(2);`,
    order: `console.log(1); // prints: 2\nconsole.log(2); // prints: 1`,
    throws: `throw new Error('at once');`,
    throwsLater: `of(1).subscribe(() => { throw new Error('later'); });`,
    failsAsTest: `marble('is wrong', { source: '-a|', expected: '-b|' }, (source) => source);`,
    mistyped: `\nconst n: number = 'text';`,
    undeclared: `nowhere$.subscribe();`,
    augments: `declare module 'rxwire' { interface MessageTypes { 'chat.said': { readonly text: string } } }\ncreateMessage('chat.said', { text: 'hi' });`,
    unaware: `createMessage('chat.said', 'any text');`,
    commonJs: `import { join } from 'node:path';\nconsole.log(join('a', 'b')); // prints: a/b`,
  };
  const examples = Object.values(codes).map((code): Example => ({ file: 'a.md', line: 10, code, runs: true }));
  const compiled = compile(examples, Object.keys(makers));
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

  it('fails one that does not print what it says, after a while', async () => {
    await expect(run(the('missing'), 50)).rejects.toThrow('Expected: "1"');
  });

  it.each([
    ['mistyped', `a.md:11 Type 'string' is not assignable to type 'number'.`],
    ['undeclared', `a.md:10 Cannot find name 'nowhere$'.`],
  ] as const)('finds the type error of one that is %s', (name, fault) => {
    expect(the(name).faults).toEqual([fault]);
  });
});
