import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { buildSync } from 'esbuild';
import { examplesOf } from '../docs/extract.js';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/freePort.js';

const PAGE = 'docs/getting-started.md';
const folder = mkdtempSync(join(tmpdir(), 'rxwire-started-'));
const running: ChildProcess[] = [];

/** Bundles a program of the page, and returns its path. */
function program(containing: string, port: number): string {
  const code = examplesOf(PAGE, readFileSync(PAGE, 'utf8')).find((example) => example.code.includes(containing))?.code;
  const outfile = resolve(`node_modules/.cache/rxwire/started-${containing.replaceAll(/\W/g, '')}.mjs`);
  const stdin = { contents: code!.replaceAll('4870', String(port)), resolveDir: resolve('.'), loader: 'ts' } as const;
  buildSync({ stdin, outfile, bundle: true, packages: 'external', platform: 'node', format: 'esm', logLevel: 'error' });
  return outfile;
}

/** Starts a program in the folder, as the reader of the page does. */
function start(path: string): { readonly process: ChildProcess; readonly printed: () => string } {
  const child = spawn(process.execPath, [path], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  running.push(child);
  return { process: child, printed: () => printed };
}

afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

it('step 5 counts each ticket once, although the server is killed three times', async () => {
  const port = await freePort();
  const [serverPath, clientPath] = [program('lmdbStore(', port), program('lmdbOutbox(', port)];
  let server = start(serverPath);
  await eventually(() => expect(server.printed()).toContain(': 0 tickets are sold'), 10_000);
  const client = start(clientPath);
  for (const ticket of [40, 90, 140]) {
    await eventually(() => expect(client.printed()).toContain(`sold ticket ${ticket}\n`), 20_000);
    server.process.kill('SIGKILL');
    await once(server.process, 'exit');
    server = start(serverPath);
    await eventually(() => expect(server.printed()).toContain(' tickets are sold'), 10_000);
  }
  const [code] = (await once(client.process, 'exit')) as [number];
  expect([code, client.printed().trim().split('\n').at(-1)]).toEqual([0, 'the server counted 200']);
}, 60_000);
