/**
 * npm run release:check: checks all that must hold before a release, and prints a table. It fails if one check fails. `-- --quick` leaves out the slow checks.
 */
import { spawn } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { OF_COMMAND } from './support/bundleModules.js';
import { changelogFaults, licencesOf, manifestFaults, outcomeLine, outcomeTable, type Lock, type Outcome } from './support/release.js';
import { root } from './support/run.js';

interface Check {
  readonly name: string;
  readonly isSlow?: true;
  /** Returns why the check fails. */
  readonly run: () => Promise<readonly string[]>;
}

type Fields = Readonly<Record<string, unknown>>;

const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false } } });
process.chdir(root);

const readJson = async <T>(file: string): Promise<T> => JSON.parse(await readFile(file, 'utf8')) as T;

/** Runs a command, and returns the end of its output if it fails. */
async function commandFaults(command: string, args: readonly string[]): Promise<readonly string[]> {
  let output = '';
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, CI: 'true' } });
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
  return code === 0 ? [] : [`${[command, ...args].join(' ')} has failed:`, output.trim().split('\n').slice(-20).join('\n')];
}

const npm =
  (...args: readonly string[]) =>
  (): Promise<readonly string[]> =>
    commandFaults('npm', ['run', '--silent', ...args]);
/** A script, without the build that its npm script begins with. */
const script = (file: string) => (): Promise<readonly string[]> => commandFaults('npx', ['tsx', `scripts/${file}`]);

async function changedFiles(): Promise<readonly string[]> {
  const faults = await commandFaults('git', ['diff', '--exit-code', '--stat', 'HEAD']);
  return [
    ...faults,
    ...(await commandFaults('bash', ['-c', 'files=$(git ls-files --others --exclude-standard); echo "$files"; test -z "$files"'])),
  ];
}

/** Compiles everything again: nothing is left of an earlier build. */
async function build(): Promise<readonly string[]> {
  await Promise.all(['dist', '.tmp/types'].map((folder) => rm(folder, { recursive: true, force: true })));
  const faults = await npm('build')();
  return faults.length > 0 ? faults : manifestFaults(await readJson<Fields>('dist/package.json'));
}

async function licences(): Promise<readonly string[]> {
  const { list, faults } = licencesOf(await readJson<Lock>('package-lock.json'), OF_COMMAND);
  for (const line of list) console.log(`    ${line}`);
  return faults;
}

const CHECKS: readonly Check[] = [
  { name: 'the working tree is clean', run: changedFiles },
  {
    name: 'CHANGELOG.md announces the version',
    run: async () => changelogFaults(await readFile('CHANGELOG.md', 'utf8'), String((await readJson<Fields>('package.json'))['version'])),
  },
  { name: 'package.json can be published', run: async () => manifestFaults(await readJson<Fields>('package.json')) },
  { name: 'licences of the dependencies', run: licences },
  { name: 'lint', run: npm('lint') },
  { name: 'types', run: npm('types') },
  { name: 'build', run: build },
  { name: 'exported API', run: npm('api', '--', '--check') },
  { name: 'sizes of imports', run: script('size.ts') },
  { name: 'links of the repository and of the package', run: script('links.ts') },
  { name: 'size and use of the package', run: script('checkPackage.ts') },
  { name: 'tests', isSlow: true, run: npm('jest') },
  { name: 'runtimes, lowest and latest RxJS', isSlow: true, run: script('runtimes.ts') },
  { name: 'test runners', isSlow: true, run: script('testRunners.ts') },
  { name: 'the Angular example', isSlow: true, run: script('angularExample.ts') },
];

const outcomes: Outcome[] = [];
for (const { name, isSlow, run } of CHECKS) {
  const start = performance.now();
  const faults = values.quick && isSlow ? undefined : await run();
  outcomes.push({ name, faults, time: performance.now() - start });
  console.log(outcomes.slice(-1).map(outcomeLine).join());
}

const failed = outcomes.filter(({ faults = [] }) => faults.length > 0);
console.log(`\n${outcomeTable(outcomes).join('\n')}\n`);
console.log(failed.length === 0 ? 'all checks hold' : `${failed.length} of ${outcomes.length} checks have failed`);
if (failed.length > 0) process.exitCode = 1;
