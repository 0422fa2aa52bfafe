/**
 * npm run runners: the kit of `rxwire/testing` under the test runners that people use, from the packed package: jest and node:test with CommonJS and with ES
 * modules, jest in a page of jsdom, and vitest. Each runs tests that pass, one that must fail, and a `marble` that must fail at its line.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { pack } from './support/pack.js';
import { root, run } from './support/run.js';

interface Manifest {
  readonly version: string;
}

/** Vitest 5 does not run on Node 20. It is not a dependency of the repository, as the pages of runners are not: they are installed here only. */
const VITEST = '4.1.12';

const IMPORTS = {
  'rxwire/testing': 'marble, runMarble, simulate, testWire',
  rxwire: 'createMessage, ofType',
  rxjs: 'firstValueFrom, map, scan',
};

/** In one line, to be found in a stack. */
const marbleThat = (emits: 'A' | 'a'): string =>
  `marble('a pipeline', { source: '-a-|', expected: '-${emits}-|' }, (letters) => letters.pipe(map((letter) => letter.toUpperCase())));`;

/** A service of an application, and its tests. `runMarble` is for runners without a global `test`. */
const tests = (mustFail: boolean, hasGlobals: boolean): string => `
const counterOf = (wire) => wire.pipe(ofType('added'), scan((sum, { payload }) => sum + payload, 0));
${hasGlobals ? marbleThat('A') : ''}

test('a service counts what the server sends, also after a cut', async () => {
  const { wire, server, cut, restore, close } = testWire();
  const sums = [];
  const done = new Promise((resolve) => counterOf(wire).subscribe((sum) => { sums.push(sum); if (sum === 6) resolve(); }));
  server.next(createMessage('added', 1));
  await wire.send(createMessage('ready', null));
  cut();
  server.next(createMessage('added', 2));
  server.next(createMessage('added', 3));
  restore();
  await done;
  close();
  if (sums.join() !== '1,3,6') throw new Error('counted ' + sums.join());
});

test('a connection breaks in a marble', () => {
  const values = { a: createMessage('said', 'a', { id: 'a' }), b: createMessage('said', 'b', { id: 'b' }) };
  runMarble(
    { source: '-a---b-----', link: '^--x----o--', server: '--x---y----', received: '-a------b--', expected: '--x-----${mustFail ? 'x' : 'y'}--', values },
    (source, { wire }) => {
      source.subscribe(wire);
      return wire.pipe(map(({ payload }) => payload));
    },
  );
});

test('a simulation of 50 seeds', () => {
  const { seeds } = simulate(({ testWire, during }) => {
    const { wire, server } = testWire();
    let sent = 0;
    during(10, () => wire.next(createMessage('counted', sent++)));
    return { atEnd: () => { if (server.received.length !== sent) throw new Error('lost'); } };
  }, { seeds: 50, faults: { crashes: false } });
  if (seeds !== 50) throw new Error('ran ' + seeds);
});
`;

const asEsm = (further = ''): string =>
  `${Object.entries(IMPORTS).map(([from, names]) => `import { ${names} } from '${from}';`).join('\n')}\n${further}`; // prettier-ignore
const asCjs = (further = ''): string =>
  `${Object.entries(IMPORTS).map(([from, names]) => `const { ${names} } = require('${from}');`).join('\n')}\n${further}`; // prettier-ignore

interface Runner {
  readonly name: string;
  readonly file: string;
  readonly head: string;
  /** Whether `test` is global. */
  readonly hasGlobals: boolean;
  readonly command: readonly string[];
  /** Further files, by their paths. */
  readonly files?: Readonly<Record<string, string>>;
}

const node = process.execPath;
const RUNNERS: readonly Runner[] = [
  {
    name: 'jest, CommonJS',
    file: 'jest-cjs/kit.test.js',
    head: asCjs(),
    hasGlobals: true,
    command: [node, 'node_modules/jest/bin/jest.js', '--rootDir', 'jest-cjs'],
  },
  {
    name: 'jest, CommonJS in a page',
    file: 'jest-page/kit.test.js',
    head: asCjs(),
    hasGlobals: true,
    command: [node, 'node_modules/jest/bin/jest.js', '--rootDir', 'jest-page', '--env', 'jsdom', '--setupFiles', '<rootDir>/setup.js'],
    // jsdom has no text encoders.
    files: {
      'jest-page/setup.js': `const { TextDecoder, TextEncoder } = require('node:util'); Object.assign(globalThis, { TextDecoder, TextEncoder });`,
    },
  },
  {
    name: 'jest, ES modules',
    file: 'jest-esm/kit.test.mjs',
    head: asEsm(),
    hasGlobals: true,
    command: [
      node,
      '--experimental-vm-modules',
      'node_modules/jest/bin/jest.js',
      '--rootDir',
      'jest-esm',
      '--testMatch',
      '**/*.mjs',
      '--transform',
      '{}',
    ],
  },
  {
    name: 'vitest',
    file: 'vitest/kit.test.ts',
    head: asEsm(`import { test } from 'vitest';`),
    hasGlobals: false,
    command: [node, 'node_modules/vitest/vitest.mjs', 'run', '--root', 'vitest'],
  },
  {
    name: 'vitest, with globals and a page',
    file: 'vitest-globals/kit.test.ts',
    head: asEsm(),
    hasGlobals: true,
    command: [node, 'node_modules/vitest/vitest.mjs', 'run', '--root', 'vitest-globals', '--globals', '--environment', 'happy-dom'],
  },
  {
    name: 'node:test, CommonJS',
    file: 'node-cjs/kit.test.cjs',
    head: asCjs(`const { test } = require('node:test');`),
    hasGlobals: false,
    command: [node, '--test', 'node-cjs/kit.test.cjs'],
  },
  {
    name: 'node:test, ES modules',
    file: 'node-esm/kit.test.mjs',
    head: asEsm(`import { test } from 'node:test';`),
    hasGlobals: false,
    command: [node, '--test', 'node-esm/kit.test.mjs'],
  },
];

async function versionOf(name: string): Promise<string> {
  return (JSON.parse(await readFile(join(root, name, 'package.json'), 'utf8')) as Manifest).version;
}

async function install(folder: string): Promise<void> {
  const dependencies = {
    rxwire: `file:${await pack(folder)}`,
    rxjs: await versionOf('node_modules/rxjs'),
    jest: await versionOf('node_modules/jest'),
    'jest-environment-jsdom': await versionOf('node_modules/jest'),
    vitest: VITEST,
    'happy-dom': '^20.0.0',
  };
  await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies }));
  await run('npm', ['install', '--silent', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts'], folder);
}

/** Runs the tests, the same tests with one that must fail, and a `marble` that must fail: at its line, or because no `test` is global. */
async function check(folder: string, runner: Runner): Promise<void> {
  const { name, file, head, hasGlobals } = runner;
  const wrong = `${head}\n${marbleThat('a')}\n`;
  const line = new RegExp(`${basename(file).replaceAll('.', '\\.')}:${wrong.trimEnd().split('\n').length}:`);
  const cases: readonly (readonly [what: string, text: string, expected: RegExp | undefined])[] = [
    ['a test has failed', `${head}\n${tests(false, hasGlobals)}`, undefined],
    ['a test that must fail has passed, or failed for another reason', `${head}\n${tests(true, hasGlobals)}`, /the marbles differ/],
    ['a marble that must fail does not say where, or why', wrong, hasGlobals ? line : /call runMarble in a test/],
  ];
  for (const [what, text, expected] of cases) {
    const { status, output } = await runTests(folder, runner, text);
    if (expected ? status !== 0 && expected.test(output) : status === 0) continue;
    console.error(output);
    console.error(`${name}: ${what}`);
    process.exit(1);
  }
  console.log(`${name}: ok`);
}

async function runTests(folder: string, { file, command, files = {} }: Runner, text: string) {
  const [program = '', ...args] = command;
  await mkdir(join(folder, dirname(file)), { recursive: true });
  for (const [path, content] of Object.entries({ ...files, [file]: text })) await writeFile(join(folder, path), content);
  const env = { ...process.env, CI: 'true', FORCE_COLOR: '0', NO_COLOR: '1' };
  const { status, stdout, stderr } = spawnSync(program, args, { cwd: folder, encoding: 'utf8', env });
  return { status, output: `${stdout}\n${stderr}` };
}

const folder = mkdtempSync(join(tmpdir(), 'rxwire-runners-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
await install(folder);
for (const runner of RUNNERS) await check(folder, runner);
