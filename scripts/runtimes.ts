/**
 * npm run runtimes: packs the built package, and runs a client and a server over each transport on Node, Bun and Deno, with the lowest and the latest RxJS 7.
 * Then it runs the servers of `rxwire/fetch` on Bun, on Deno and in a Durable Object, with a client on Node whose connections are cut. The runtimes are npm
 * packages. Linux only.
 */
import { build } from 'esbuild';
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { FETCH_CLIENT, FETCH_SERVER, HIBERNATION_CLIENT, STORE_CASES, WORKER, WORKER_HOST } from './support/fetchPrograms.js';
import { pack } from './support/pack.js';
import { root, run } from './support/run.js';
import { rxjsVersions } from './support/rxjsVersions.js';

interface Runtime {
  readonly name: string;
  /** The npm package with the program, and where the program is in it. */
  readonly source: string;
  readonly program: string;
  readonly args?: readonly string[];
}

const isArm = process.arch === 'arm64';
const node = (major: number): Runtime => ({
  name: `Node ${major}`,
  source: `npm:node-linux-${process.arch}@${major}`,
  program: 'bin/node',
});
const RUNTIMES: readonly Runtime[] = [
  node(20),
  node(22),
  node(24),
  { name: 'Bun', source: `npm:@oven/bun-linux-${isArm ? 'aarch64' : 'x64'}@1.4`, program: 'bin/bun' },
  { name: 'Deno', source: `npm:@deno/linux-${process.arch}-glibc@2.9`, program: 'deno', args: ['run', '--allow-all', '--no-lock'] },
];

/** Sends numbers over each transport, compressed, to a server that sends them back. */
const ECHO = `
import { once } from 'node:events';
import { createServer } from 'node:http';
import { firstValueFrom, take, timeout, toArray } from 'rxjs';
import { connect, createMessage, gzipped, json, longPolling, ofType, serverSentEvents, webSocket } from 'rxwire';
import { listen } from 'rxwire/server';

const server = createServer();
const codec = gzipped(json(), { threshold: 100 });
listen(server, { codecs: [codec] }).subscribe((wire) => {
  wire.pipe(ofType('echo')).subscribe(({ payload }) => wire.next(createMessage('echoed', payload)));
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const numbers = Array.from({ length: 100 }, (_, number) => number);
for (const link of [webSocket, serverSentEvents, longPolling]) {
  const wire = connect({ link: link('ws://127.0.0.1:' + server.address().port + '/wire'), codec, reconnect: false });
  const echoed = firstValueFrom(wire.pipe(ofType('echoed'), take(numbers.length), timeout(20_000), toArray()));
  for (const number of numbers) wire.next(createMessage('echo', number));
  const payloads = (await echoed).map(({ payload }) => payload);
  if (payloads.join() !== numbers.join()) throw new Error(link.name + ' has echoed ' + payloads.join());
  const ended = new Promise((complete, error) => wire.subscribe({ complete, error }));
  wire.complete();
  await ended;
  console.log(wire.state.protocol);
}
process.exit(0);
`;

/** Runs workers of Cloudflare. */
const MINIFLARE = '4';

const TRANSPORTS = ['websocket', 'sse', 'long-polling'];
/** How long a program may take, in ms. */
const LIMIT = 60_000;

async function install(folder: string, dependencies: Readonly<Record<string, string>>): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module', dependencies }));
  await run('npm', ['install', '--silent', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts'], folder);
}

/** Returns what a program prints, or why it has failed. */
function outputOf(program: string, args: readonly string[], cwd: string): Promise<string> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd, timeout: LIMIT, killSignal: 'SIGKILL', env: { ...process.env, DENO_NO_UPDATE_CHECK: '1' } });
    let output = '';
    const add = (data: Buffer): void => void (output += data.toString());
    child.stdout.on('data', add);
    child.stderr.on('data', add);
    child.once('error', (error) => resolve(error.message));
    child.once('close', () => resolve(output.trim()));
  });
}

const manifestOf = async (folder: string): Promise<{ readonly version: string }> =>
  JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as { readonly version: string };

const folder = mkdtempSync(join(tmpdir(), 'rxwire-runtimes-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
const tarball = await pack(folder);
const { version: ws } = await manifestOf(join(root, 'node_modules/ws'));
const programs = join(folder, 'programs');
await install(programs, Object.fromEntries(RUNTIMES.map(({ name, source }) => [name.toLowerCase().replace(' ', ''), source])));

const programOf = ({ name, program }: Runtime): string => join(programs, 'node_modules', name.toLowerCase().replace(' ', ''), program);
const report = (name: string, detail: string, output: string): void => {
  const isRight = output === TRANSPORTS.join('\n');
  console.log(`${name.padEnd(16)} ${detail}  ${isRight ? TRANSPORTS.join(', ') : `FAILED\n${output}`}`);
  if (!isRight) process.exitCode = 1;
};

for (const [index, rxjs] of (await rxjsVersions()).entries()) {
  const app = join(folder, `app${index}`);
  await install(app, { rxwire: `file:${tarball}`, rxjs, ws });
  await writeFile(join(app, 'echo.js'), ECHO);
  const installed = (await manifestOf(join(app, 'node_modules/rxjs'))).version;
  for (const runtime of RUNTIMES) {
    const { name, args = [] } = runtime;
    const [first = ''] = (await outputOf(programOf(runtime), ['--version'], app)).split('\n');
    report(name, `${first.padEnd(40)} rxjs ${installed}`, await outputOf(programOf(runtime), [...args, 'echo.js'], app));
  }
}

/** Runs a server, and the client of `rxwire/fetch`. Returns what the client prints, or why it has failed. */
async function withServer(app: string, server: ChildProcessByStdio<null, Readable, null>, ...args: readonly string[]): Promise<string> {
  const client = args.includes('cases') ? 'cases.js' : args.includes('hibernates') ? 'hibernation.js' : 'client.js';
  try {
    for await (const line of createInterface({ input: server.stdout }))
      return await outputOf(process.execPath, [client, line.replace('port ', ''), ...args], app);
    return 'the server has not started';
  } finally {
    server.kill();
  }
}

const app = join(folder, 'fetch');
await install(app, { rxwire: `file:${tarball}`, rxjs: '7', ws, miniflare: MINIFLARE, hono: '4' });
const files = {
  'server.js': FETCH_SERVER,
  'client.js': FETCH_CLIENT,
  'worker.js': WORKER,
  'host.js': WORKER_HOST,
  'hibernation.js': HIBERNATION_CLIENT,
  'cases.js': STORE_CASES,
};
for (const [name, text] of Object.entries(files)) await writeFile(join(app, name), text);
for (const framework of ['', 'hono'])
  for (const runtime of RUNTIMES.filter(({ name }) => name === 'Bun' || name === 'Deno')) {
    const server = spawn(programOf(runtime), [...(runtime.args ?? []), 'server.js', framework], {
      cwd: app,
      timeout: LIMIT,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    report(runtime.name, `rxwire/fetch ${framework}`, await withServer(app, server));
  }

/** Bundles a worker as wrangler does, and starts it. */
async function startWorker(entryPoint: string, ...args: readonly string[]): Promise<ChildProcessByStdio<null, Readable, null>> {
  const outfile = join(app, `${basename(entryPoint)}.mjs`);
  await build({
    absWorkingDir: app,
    entryPoints: [entryPoint],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'browser',
    conditions: ['workerd', 'worker', 'browser'],
    external: ['node:*'],
  });
  return spawn(process.execPath, ['host.js', outfile, ...args], { cwd: app, timeout: LIMIT, stdio: ['ignore', 'pipe', 'inherit'] });
}

for (const args of [[], ['restart']])
  report('Durable Object', `rxwire/fetch ${args.join('')}`, await withServer(app, await startWorker('worker.js'), ...args));

const hibernated = await withServer(app, await startWorker('worker.js', 'hibernates'), 'hibernates');
console.log(`Durable Object   hibernation: ${hibernated}`);
if (hibernated !== 'passed') process.exitCode = 1;

const output = await withServer(app, await startWorker(join(root, 'spec/stores/durableobject/storeWorker.ts')), 'cases');
console.log(`Durable Object   the store: ${output}`);
if (!output.endsWith('passed')) process.exitCode = 1;
