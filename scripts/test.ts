/**
 * npm test: lint, types and sizes, one after the other, and at the same time the specs of the project `fast`. Prints a line for each
 * step: the mark, the name and the time. Below it stands the whole output of a step that fails; of a step that passes, only its warnings.
 * Arguments are those of jest: `npm test -- --json --outputFile=report.json`.
 */
import { spawn } from 'node:child_process';
import { outcomeLine } from './support/release.js';
import { root } from './support/run.js';

interface Output {
  readonly isPassed: boolean;
  readonly all: string;
  readonly warnings: string;
}

/** Runs a script of package.json, and returns what it writes. */
async function outputOf(args: readonly string[]): Promise<Output> {
  let [all, warnings] = ['', ''];
  const child = spawn('npm', ['run', '--silent', ...args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.setEncoding('utf8').on('data', (text: string) => (all += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    all += text;
    warnings += text;
  });
  const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
  return { isPassed: code === 0, all, warnings };
}

/** Runs steps one after the other, also those after a step that fails. */
async function runSteps(steps: readonly (readonly [name: string, ...args: string[]])[]): Promise<void> {
  for (const [name, ...args] of steps) {
    const start = performance.now();
    const { isPassed, all, warnings } = await outputOf(args);
    console.log(outcomeLine({ name, faults: isPassed ? [] : [all], time: performance.now() - start }));
    const shown = (isPassed ? warnings : all).trim();
    if (shown) console.log(`    ${shown.replaceAll('\n', '\n    ')}`);
    if (!isPassed) process.exitCode = 1;
  }
}

// Options with several values, as `--reporters`, would take the arguments behind them.
const jest = ['jest', '--', ...process.argv.slice(2), '--reporters', './spec/support/shortReporter.js', '--selectProjects', 'fast'];
const checks = [
  ['lint', 'lint'],
  ['types', 'types'],
  ['sizes of imports', 'size'],
] as const;
await Promise.all([runSteps(checks), runSteps([['specs', ...jest]])]);
