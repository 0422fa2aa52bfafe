import { execFile, spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { root } from '../../scripts/support/run.js';

/** The folder of the package, once it is built. Each worker has its own. */
export const packageFolder = join(root, `.tmp/cli${process.env['JEST_WORKER_ID'] ?? ''}`);

/** The path of the command, once it is built. */
export const cliPath = join(packageFolder, 'esm/adapters/cli/rxwire.js');

/** Builds the package, without types. */
export async function buildCli(): Promise<void> {
  const args = ['node_modules/tsx/dist/cli.mjs', 'scripts/build.ts', '--js', '--out', packageFolder];
  await promisify(execFile)(process.execPath, args, { cwd: root });
}

export interface CliResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A process of the command. */
export interface CliProcess {
  readonly child: ChildProcessWithoutNullStreams;
  /** Resolves with the next line of stdout. */
  readonly line: () => Promise<string>;
  /** Resolves when stderr contains the text. */
  readonly says: (text: string) => Promise<void>;
  /** Resolves at the end of the process, with all of its output. */
  readonly ended: Promise<CliResult>;
}

const running = new Set<ChildProcessWithoutNullStreams>();

/** Starts a process: a shell command, or the command with these arguments. */
export function startCli(args: readonly string[] | string, env: NodeJS.ProcessEnv = {}): CliProcess {
  const [file, rest] =
    typeof args === 'string' ? ['bash', ['--norc', '-o', 'pipefail', '-c', args]] : [process.execPath, [cliPath, ...args]];
  const child = spawn(file, rest, { env: { PATH: process.env['PATH'], RXWIRE: `${process.execPath} ${cliPath}`, ...env } });
  running.add(child);
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (data: string) => (output.stdout += data));
  child.stderr.setEncoding('utf8').on('data', (data: string) => (output.stderr += data));
  let read = 0;
  const ended = (once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>).then(([code, signal]) => {
    running.delete(child);
    return { code, signal, ...output };
  });
  /** Resolves with what `find` finds in the output. */
  const find = async <T>(stream: 'stdout' | 'stderr', find: () => T | undefined): Promise<T> => {
    for (;;) {
      const found = find();
      if (found !== undefined) return found;
      if (!running.has(child)) throw new Error(`the process has ended: ${JSON.stringify(await ended)}`);
      await Promise.race([once(child[stream], 'data'), ended]);
    }
  };
  return {
    child,
    ended,
    line: () =>
      find('stdout', () => {
        const end = output.stdout.indexOf('\n', read);
        if (end < 0) return undefined;
        const line = output.stdout.slice(read, end);
        read = end + 1;
        return line;
      }),
    says: (text) => find('stderr', () => (output.stderr.includes(text) ? true : undefined)).then(() => undefined),
  };
}

/** Runs the command to its end. @param input What it reads. */
export async function runCli(args: readonly string[] | string, input = '', env: NodeJS.ProcessEnv = {}): Promise<CliResult> {
  const { child, ended } = startCli(args, env);
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  return ended;
}

/** Starts `rxwire serve`, and resolves with its address when it listens. */
export async function startServer(args: readonly string[] = [], env: NodeJS.ProcessEnv = {}) {
  const served = startCli(['serve', '--port', '0', ...args], env);
  const { url } = JSON.parse(await served.line()) as { readonly url: string };
  return { ...served, url, port: new URL(url).port };
}

/** Kills the processes that a test has left, and waits for their end. */
export async function killAll(): Promise<void> {
  const closed = [...running].map((child) => once(child, 'close'));
  for (const child of running) child.kill('SIGKILL');
  await Promise.all(closed);
}

/** Parses lines of JSON. */
export const parseLines = (text: string): Record<string, unknown>[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
