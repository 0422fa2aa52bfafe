import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { outcomeLine } from './release.js';

export interface Step {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}

/** The output of steps: a terminal, or a pipe. */
export interface StepOutput {
  /** Writes lines that stay. */
  readonly print: (text: string) => void;
  /** Writes a line that says which steps run. */
  readonly showProgress: (line: string) => void;
}

export interface RunStepsOptions extends StepOutput {
  /** How often `showProgress` is called, in ms. */
  readonly interval: number;
}

/** A line of spec/support/shortReporter.js on its standard error. */
const SUITES = /^(\d+ of \d+ suites) done$/;

/**
 * Runs rows of steps at the same time, and the steps of each row one after the other, also those after a step that fails. Returns whether
 * all have passed. Prints a line for each step: the mark, the name and the time. Below it stands the whole output of a step that fails; of
 * a step that passes, only its warnings.
 */
export async function runSteps(rows: readonly (readonly Step[])[], { interval, print, showProgress }: RunStepsOptions): Promise<boolean> {
  const start = performance.now();
  /** The steps that run, with the number of suites of which the step has reported. */
  const running = new Map<string, string>();
  const timer = setInterval(() => {
    showProgress(`${((performance.now() - start) / 1_000).toFixed(0)} s: ${[...running].map((parts) => parts.join('')).join('; ')}`);
  }, interval);

  const runRow = async (steps: readonly Step[]): Promise<boolean> => {
    let isPassed = true;
    for (const step of steps) {
      const begin = performance.now();
      running.set(step.name, '');
      const output = await outputOf(step, (suites) => running.set(step.name, `, ${suites}`));
      running.delete(step.name);
      print(outcomeLine({ name: step.name, faults: output.isPassed ? [] : [output.all], time: performance.now() - begin }));
      const shown = (output.isPassed ? output.warnings : output.all).trim();
      if (shown) print(`    ${shown.replaceAll('\n', '\n    ')}`);
      isPassed &&= output.isPassed;
    }
    return isPassed;
  };
  try {
    return (await Promise.all(rows.map(runRow))).every(Boolean);
  } finally {
    clearInterval(timer);
  }
}

interface Output {
  readonly isPassed: boolean;
  readonly all: string;
  readonly warnings: string;
}

/** Runs a program, and returns its output without the lines that count suites. */
async function outputOf({ command, args }: Step, onSuites: (suites: string) => void): Promise<Output> {
  let [all, warnings] = ['', ''];
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, SUITES_INTERVAL: '1000' } });
  child.stdout.setEncoding('utf8').on('data', (text: string) => (all += text));
  createInterface({ input: child.stderr }).on('line', (line) => {
    const [, suites] = SUITES.exec(line) ?? [];
    if (suites !== undefined) {
      onSuites(suites);
      return;
    }
    all += `${line}\n`;
    warnings += `${line}\n`;
  });
  const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
  return { isPassed: code === 0, all, warnings };
}

/** Writes to a terminal, where the progress is one line that changes, or to a pipe, where each is a line of its own. */
export function outputTo({
  isTTY,
  columns,
  write,
}: Pick<NodeJS.WriteStream, 'isTTY' | 'columns'> & { readonly write: (text: string) => unknown }): StepOutput {
  const clear = isTTY ? '\r\u001B[2K' : '';
  return {
    print: (text) => void write(`${clear}${text}\n`),
    showProgress: (line) => void write(isTTY ? `${clear}${line.slice(0, columns - 1)}` : `${line}\n`),
  };
}
