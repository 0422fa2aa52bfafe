/**
 * npm run example:angular: makes a project with `rxwire new angular`, installs it with the packed package, where nothing of this repository is; runs its unit
 * tests, starts it, and drives it in Chromium. The screenshots are in .tmp/angular.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { launch } from '../spec/browser/launch.js';
import { pathOf } from '../spec/support/debian.js';
import { freePort } from '../spec/support/freePort.js';
import { driveNotes } from './support/driveNotes.js';
import { checkPage, newProject } from './support/newProjects.js';
import { pack } from './support/pack.js';
import { root, run } from './support/run.js';

interface Manifest {
  readonly version: string;
  readonly dependencies: Record<string, string>;
  readonly peerDependencies: Record<string, string>;
}

interface Lock {
  readonly packages: Record<string, Partial<Manifest> & { resolved?: string }>;
}

const folder = mkdtempSync(join(tmpdir(), 'rxwire-angular-'));
const app = join(folder, 'app');
const screenshots = join(root, '.tmp/angular');

/** Installs the app and the tarball. The lock of the example pins all packages; a new dependency of rxwire that it does not have yet is added. */
async function install(): Promise<void> {
  const { version, dependencies, peerDependencies } = await read<Manifest>(join(root, 'package.json'));
  await newProject('angular', app);
  const tarball = `file:${basename(await pack(app))}`;

  const manifest = await read<Manifest>(join(app, 'package.json'));
  const lock = await read<Lock>(join(root, 'docs/examples/angular/package-lock.json'));
  const [whole, rxwire] = [lock.packages[''], lock.packages['node_modules/rxwire']];
  if (!whole?.dependencies || !rxwire) throw new Error('docs/examples/angular/package-lock.json has no rxwire');
  manifest.dependencies['rxwire'] = whole.dependencies['rxwire'] = tarball;
  Object.assign(rxwire, { version, resolved: tarball, dependencies, peerDependencies });
  await writeFile(join(app, 'package.json'), JSON.stringify(manifest));
  await writeFile(join(app, 'package-lock.json'), JSON.stringify(lock));
  await run('npm', ['install', '--silent', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts'], app);
}

async function test(): Promise<void> {
  await run('npm', ['test', '--silent'], app);
}

/** Builds the page, too. */
async function start(): Promise<void> {
  await run('npx', ['tsc', '--noEmit', '-p', 'tsconfig.server.json'], app);
  await checkPage(app);
}

async function drive(): Promise<void> {
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  await mkdir(screenshots, { recursive: true });
  const [browser, first] = await Promise.all([launch(pathOf('chromium')), serve(port)]);
  let server = first;
  try {
    await driveNotes(browser, origin, {
      screenshots,
      stopServer: () => stop(server),
      startServer: async () => void (server = await serve(port)),
    });
  } finally {
    await Promise.all([browser.close(), stop(server)]);
  }
}

/** Starts the server of the app. Resolves when it listens. */
async function serve(port: number): Promise<ChildProcess> {
  const env = { ...process.env, PORT: String(port) };
  const child = spawn(process.execPath, ['--import', 'tsx', 'server.ts'], { cwd: app, env, stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await Promise.race([once(child.stdout, 'data'), once(child, 'exit')])) as [unknown];
  if (!String(line).startsWith('http://')) throw new Error(`the server of the example has not started: ${String(line)}`);
  return child;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

async function read<T>(file: string): Promise<T> {
  return JSON.parse(await readFile(file, 'utf8')) as T;
}

process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
for (const step of [install, test, start, drive]) {
  const begin = Date.now();
  await step();
  console.log(`${step.name}: ok, ${((Date.now() - begin) / 1_000).toFixed(1)} s`);
}
