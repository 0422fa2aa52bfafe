import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { bundle } from '../chaos/bundle.js';
import { eventually } from './eventually.js';

/** An example that runs in a process of its own. */
export interface ExampleProcess {
  readonly process: ChildProcess;
  /** All that it has written to stdout and to stderr. */
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Ends it without a word, and waits until it is gone. */
  kill(): Promise<void>;
  /** Resolves with its exit code. */
  readonly exited: Promise<number | null>;
}

const running = new Set<ExampleProcess>();

/** Starts an example of docs/examples/node. */
export function startExample(name: string, ...args: readonly string[]): ExampleProcess {
  return startProgram(bundle(`docs/examples/node/${name}.ts`), args);
}

/** Starts a program, in the folder `cwd` if there is one. {@link killExamples} ends it. */
export function startProgram(path: string, args: readonly string[] = [], cwd?: string): ExampleProcess {
  const child = spawn(process.execPath, [path, ...args], { stdio: 'pipe', cwd });
  const text = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) child[stream].on('data', (chunk: Buffer) => (text[stream] += chunk.toString()));
  // It may end before it has read everything.
  child.stdin.on('error', () => undefined);
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  const one: ExampleProcess = {
    process: child,
    stdout: () => text.stdout,
    stderr: () => text.stderr,
    exited,
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
  };
  running.add(one);
  void exited.then(() => running.delete(one));
  return one;
}

/** Starts an example that serves, and returns its URL. */
export async function startServer(name: string, ...args: readonly string[]): Promise<ExampleProcess & { readonly url: string }> {
  const server = startExample(name, ...args);
  let url = '';
  await eventually(() => {
    url = /ws:\S+/.exec(server.stderr())?.[0] ?? '';
    if (!url) throw new Error(`${name} does not listen: ${server.stderr()}`);
  }, 10_000);
  return { ...server, url };
}

export async function killExamples(): Promise<void> {
  await Promise.all([...running].map((one) => one.kill()));
}
