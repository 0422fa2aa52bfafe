import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TemplateName } from '../../lib/adapters/cli/newCommand.js';
import { freePort } from '../../spec/support/freePort.js';
import { root, run } from './run.js';

/** Runs `rxwire new` of the built package. */
export async function newProject(template: TemplateName, folder: string): Promise<void> {
  await run(process.execPath, [join(root, 'dist/esm/adapters/cli/rxwire.js'), 'new', template, folder]);
}

/** Installs a project with a tarball in place of the rxwire of the registry. */
export async function installProject(folder: string, tarball: string): Promise<void> {
  const file = join(folder, 'package.json');
  const manifest = JSON.parse(await readFile(file, 'utf8')) as { readonly dependencies: Record<string, string> };
  manifest.dependencies['rxwire'] = `file:${tarball}`;
  await writeFile(file, JSON.stringify(manifest));
  await run('npm', ['install', '--silent', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts'], folder);
}

/** Runs `npm start` of a project until it prints its address, and checks the status of a path there. */
export async function checkPage(folder: string, path = '/', expected = 200): Promise<void> {
  const env = { ...process.env, PORT: String(await freePort()) };
  // A process group of its own: npm starts more processes.
  const child = spawn('npm', ['start', '--silent'], { cwd: folder, env, stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  try {
    const { status } = await fetch((await addressIn(child.stdout)) + path);
    if (status !== expected) throw new Error(`${path} of ${folder} is answered with ${status}`);
  } finally {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  }
}

async function addressIn(output: NodeJS.ReadableStream): Promise<string> {
  for await (const line of createInterface(output)) if (line.startsWith('http://')) return line;
  throw new Error('npm start has printed no address');
}
