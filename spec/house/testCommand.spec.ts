import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ts from 'typescript';
import jestConfig from '../../jest.config.js';
import { outputTo, runSteps, type Step } from '../../scripts/support/runSteps.js';

const program = (name: string, source: string): Step => ({ name, command: process.execPath, args: ['-e', source] });

interface Run {
  readonly isPassed: boolean;
  readonly printed: string;
  readonly progress: readonly string[];
}

async function run(rows: readonly (readonly Step[])[], interval = 60_000, onProgress?: (line: string) => void): Promise<Run> {
  const [printed, progress]: [string[], string[]] = [[], []];
  const showProgress = (line: string): void => {
    progress.push(line);
    onProgress?.(line);
  };
  const isPassed = await runSteps(rows, { interval, print: (text) => printed.push(text), showProgress });
  return { isPassed, printed: printed.join('\n').replace(/ +\d+\.\d s/g, ' 1 s'), progress };
}

describe('the steps of npm test', () => {
  it('shows the warnings of a step that passes, and not the rest of its output', async () => {
    const { isPassed, printed } = await run([[program('lint', 'console.log("checked 3 files"); console.warn("a warning")')]]);
    expect(isPassed).toBe(true);
    expect(printed).toBe('✓ lint 1 s\n    a warning');
  });

  it('shows the whole output of a step that fails, and runs the steps behind it', async () => {
    const fails = program('lint', 'console.log("a.ts: an error"); process.exitCode = 1');
    const { isPassed, printed } = await run([[fails, program('types', '')]]);
    expect(isPassed).toBe(false);
    expect(printed).toBe('✗ lint 1 s\n    a.ts: an error\n✓ types 1 s');
  });

  it('fails if a step of any row fails', async () => {
    const { isPassed } = await run([[program('lint', 'process.exitCode = 2')], [program('specs', '')]]);
    expect(isPassed).toBe(false);
  });

  it('says which steps run, and how many suites are done', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rxwire-'));
    // Both programs run until a line of progress has the number of suites.
    const untilShown = `setInterval(() => fs.existsSync(${JSON.stringify(`${folder}/shown`)}) && process.exit(), 10)`;
    const steps = [[program('lint', untilShown)], [program('specs', `console.error('12 of 347 suites done'); ${untilShown}`)]];
    const { printed, progress } = await run(steps, 20, (line) => {
      if (line.includes('347')) writeFileSync(`${folder}/shown`, '');
    });
    expect(progress).toContainEqual(expect.stringMatching(/^\d+ s: lint; specs, 12 of 347 suites$/));
    expect(printed).not.toContain('347');
    rmSync(folder, { recursive: true });
  });
});

describe('the output of npm test', () => {
  const written = (isTTY: boolean): string => {
    let all = '';
    const { print, showProgress } = outputTo({ isTTY, columns: 10, write: (text) => (all += text) });
    showProgress('1 s: lint; specs');
    print('✓ lint');
    return all;
  };

  it('has a line for each progress in a pipe', () => {
    expect(written(false)).toBe('1 s: lint; specs\n✓ lint\n');
  });

  it('has one line for the progress on a terminal, which the next line replaces', () => {
    expect(written(true)).toBe('\r\u001B[2K1 s: lint\r\u001B[2K✓ lint\n');
  });
});

describe('the two commands of the README', () => {
  const readme = readFileSync('README.md', 'utf8');

  it('stand in one block, each with what it shows', () => {
    expect(readme).toMatch(/^```sh\n.*\nnpm ci && npm start +# .+\nnpm ci && npm test +# .+\n```$/m);
  });

  it('are those of .ci/run, which runs the second as it stands there', () => {
    expect(readFileSync('.ci/run', 'utf8')).toMatch(/^step bash -c 'npm ci && npm test'$/m);
  });
});

describe('the configuration of jest', () => {
  it('transforms each spec with ts-jest, one file at a time', () => {
    const transforms = jestConfig.projects!.map((project) => (typeof project === 'string' ? undefined : project['transform']));
    expect(transforms).toEqual(Array(2).fill({ '^.+\\.ts$': ['ts-jest', { useESM: true, diagnostics: false }] }));
    const { config } = ts.readConfigFile('tsconfig.json', (file) => readFileSync(file, 'utf8')) as { config: { compilerOptions: object } };
    expect(config.compilerOptions).toMatchObject({ isolatedModules: true });
  });
});
