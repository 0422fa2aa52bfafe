import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { buildSync } from 'esbuild';
import { filter, firstValueFrom, ReplaySubject, timeout } from 'rxjs';

/** What child.ts says, and how to end it. */
export interface Child {
  /** The lines it has said, word by word. */
  readonly said: readonly (readonly string[])[];
  /** Waits until what it has said holds; ten seconds at most. */
  until(holds: (said: Child['said']) => boolean): Promise<void>;
  tell(text: string): void;
  /** Ends it without a word, and waits until it is gone. */
  kill(): Promise<void>;
  readonly ended: Promise<unknown>;
}

const bundled = 'node_modules/.cache/rxwire/lmdbChild.mjs';
let isBundled = false;

/** child.ts as one file, which starts five times as fast. */
function program(): string {
  const options = { bundle: true, packages: 'external', platform: 'node', format: 'esm' } as const;
  if (!isBundled) buildSync({ ...options, entryPoints: ['spec/stores/lmdb/child.ts'], outfile: bundled });
  isBundled = true;
  return bundled;
}

/**
 * Runs a job of child.ts over a folder.
 *
 * @param limit Blocks of 512 bytes that a file of it may have.
 */
export function startChild(job: string, path: string, limit: number | 'unlimited' = 'unlimited'): Child {
  const command = `ulimit -f ${limit} && exec "$0" "$@"`;
  const child = spawn('sh', ['-c', command, process.execPath, program(), job, path], { stdio: ['pipe', 'pipe', 'inherit'] });
  const said: string[][] = [];
  const lines$ = new ReplaySubject<readonly string[][]>(1);
  const ended = once(child, 'exit');
  createInterface(child.stdout).on('line', (line) => {
    said.push(line.split(' '));
    lines$.next(said);
  });
  return {
    said,
    ended,
    until: async (holds) => {
      await firstValueFrom(lines$.pipe(filter(holds), timeout(10_000)));
    },
    tell: (text) => {
      child.stdin.write(`${text}\n`);
    },
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
