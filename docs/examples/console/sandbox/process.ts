import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import type { Readable } from 'node:stream';
import { catchError, EMPTY, interval, map, type Observable } from 'rxjs';
import { SandboxError } from './event.js';

export interface SandboxProcess {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  /** Stops the program if it still runs; its folder goes with it. */
  readonly kill: () => void;
}

/** The name of Node's permission flag has changed: 20 has the experimental one only. */
const permissionFlag = ['--permission', '--experimental-permission'].find((flag) => process.allowedNodeEnvironmentFlags.has(flag));

/**
 * Runs before the program. The permission flag does not cover signals, and `process.kill(process.ppid)` would stop the server.
 * Output must block when nobody reads on: Node would keep all of it in memory.
 */
const prelude = `
  for (const name of ['kill', '_kill', '_debugProcess']) delete process[name];
  for (const stream of [process.stdout, process.stderr]) stream._handle?.setBlocking?.(true);
`;

/** Nothing outlives this process, even when it ends by an uncaught error. */
const running = new Set<() => void>();
process.on('exit', () => running.forEach((kill) => kill()));

/** Starts `code` in a process of its own, where it can reach its own empty folder and no other file. */
export function startProcess(code: string, memoryLimit: number): SandboxProcess {
  if (permissionFlag === undefined)
    throw new SandboxError('ERR_SANDBOX', 'this Node has no permission flag, and without it nothing is run');

  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'rxwire-sandbox-')));
  const file = join(folder, 'program.mjs');
  writeFileSync(file, code);

  const child = spawn(
    process.execPath,
    [
      permissionFlag,
      `--allow-fs-read=${folder}${sep}`,
      `--allow-fs-write=${folder}${sep}`,
      '--disable-warning=ExperimentalWarning',
      `--max-old-space-size=${memoryLimit}`,
      `--import=data:text/javascript,${encodeURIComponent(prelude)}`,
      file,
    ],
    // A group of its own: whatever it might have started is killed with it.
    { cwd: folder, env: {}, stdio: ['ignore', 'pipe', 'pipe'], detached: true, windowsHide: true },
  );

  const kill = (): void => {
    if (running.has(kill) && child.pid !== undefined) killGroup(child.pid);
  };
  const forget = (): void => {
    running.delete(kill);
    rmSync(folder, { recursive: true, force: true });
  };
  running.add(kill);
  child.once('exit', forget).once('error', forget);
  return { child, kill };
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has just ended by itself.
  }
}

/** In MiB, ten times a second; nothing where the system does not tell. */
export function residentMemory(pid: number | undefined): Observable<number> {
  if (process.platform !== 'linux') return EMPTY;
  return interval(100).pipe(
    map(() => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1_024),
    // It has just ended.
    catchError(() => EMPTY),
  );
}
