import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The repository's folder, whatever the folder a script was started in. */
export const root = fileURLToPath(new URL('../../', import.meta.url));

/** Runs a JavaScript tool of node_modules: `tool('typescript/bin/tsc', '--noEmit')`. */
export async function tool(path: string, ...args: readonly string[]): Promise<void> {
  await run(process.execPath, [`${root}node_modules/${path}`, ...args]);
}

/** Runs a command in a folder, its output passed on. Where it fails it has said why, and this process ends as it did. */
export async function run(command: string, args: readonly string[], cwd = root): Promise<void> {
  const code = await new Promise<number | null>((resolve, reject) => {
    spawn(command, args, { cwd, stdio: 'inherit' }).once('error', reject).once('close', resolve);
  });
  if (code === 0) return;
  console.error(`failed: ${[command, ...args].join(' ')}`);
  process.exit(code ?? 1);
}
