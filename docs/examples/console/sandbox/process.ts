import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import type { Readable } from 'node:stream';
import { SandboxError } from './event.js';

export interface SandboxProcess {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  /** Stops the program if it still runs; its folder goes with it, if that was made for it. */
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

/** Starts `code` in a process of its own, where it can reach the files of that folder, or of an empty one of its own, and no others. */
export function startProcess(code: string, memoryLimit: number, sharedFolder?: string): SandboxProcess {
  if (permissionFlag === undefined)
    throw new SandboxError('ERR_SANDBOX', 'this Node has no permission flag, and without it nothing is run');

  const folder = sharedFolder ?? realpathSync(mkdtempSync(join(tmpdir(), 'rxwire-sandbox-')));
  // The program must not be what its user may call a file of the folder's.
  const file = join(folder, sharedFolder === undefined ? 'program.mjs' : `.program-${randomUUID()}.mjs`);
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
    rmSync(sharedFolder === undefined ? folder : file, { recursive: true, force: true });
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
