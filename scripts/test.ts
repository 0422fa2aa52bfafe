/**
 * npm test: lint, types and sizes, one after the other, and at the same time the specs of the project `fast`. It says at once what it runs,
 * then each 15 s which steps run and how many suites are done; on a terminal, the line changes each second. Arguments are those of jest:
 * `npm test -- spec/wire`. Jest writes its report to `.tmp/jest/fast.json`, unless `--outputFile` names another file.
 */
import { mkdirSync } from 'node:fs';
import { stdout } from 'node:process';
import { outputTo, runSteps, type Step } from './support/runSteps.js';

const script = (name: string, ...args: readonly string[]): Step => ({ name, command: 'npm', args: ['run', '--silent', ...args] });

const given = process.argv.slice(2);
const REPORT = '.tmp/jest/fast.json';
const report = given.some((argument) => argument.startsWith('--outputFile')) ? [] : ['--json', `--outputFile=${REPORT}`];
if (report.length > 0) mkdirSync('.tmp/jest', { recursive: true });
// Options with several values, as `--reporters`, would take the arguments behind them.
const jest = ['jest', '--', ...given, ...report, '--reporters', './spec/support/shortReporter.js', '--selectProjects', 'fast'];

const output = outputTo({ isTTY: stdout.isTTY, columns: stdout.columns, write: (text) => stdout.write(text) });
output.print(
  'npm test runs lint, types and sizes of imports one after the other, and the specs at the same time: about five minutes on two cores',
);
const isPassed = await runSteps(
  [[script('lint', 'lint'), script('types', 'types'), script('sizes of imports', 'size')], [script('specs', ...jest)]],
  { interval: stdout.isTTY ? 1_000 : 15_000, ...output },
);
if (!isPassed) process.exitCode = 1;
