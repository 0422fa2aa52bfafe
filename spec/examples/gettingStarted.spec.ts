import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { buildSync } from 'esbuild';
import { examplesOf } from '../docs/extract.js';
import { eventually } from '../support/eventually.js';
import { killExamples, startProgram } from '../support/exampleProcess.js';
import { freePort } from '../support/freePort.js';

const PAGE = 'docs/getting-started.md';
const folder = mkdtempSync(join(tmpdir(), 'rxwire-started-'));

/** Bundles a program of the page, and returns its path. */
function program(containing: string, port: number): string {
  const code = examplesOf(PAGE, readFileSync(PAGE, 'utf8')).find((example) => example.code.includes(containing))?.code;
  const outfile = resolve(`node_modules/.cache/rxwire/started-${containing.replaceAll(/\W/g, '')}.mjs`);
  const stdin = { contents: code!.replaceAll('4870', String(port)), resolveDir: resolve('.'), loader: 'ts' } as const;
  buildSync({ stdin, outfile, bundle: true, packages: 'external', platform: 'node', format: 'esm', logLevel: 'error' });
  return outfile;
}

afterEach(async () => {
  await killExamples();
  rmSync(folder, { recursive: true, force: true });
});

it('step 5 counts each ticket once, although the server is killed three times', async () => {
  const port = await freePort();
  const [serverPath, clientPath] = [program('lmdbStore(', port), program('lmdbOutbox(', port)];
  let server = startProgram(serverPath, [], folder);
  await eventually(() => expect(server.stdout()).toContain(': 0 tickets are sold'), 10_000);
  const client = startProgram(clientPath, [], folder);
  for (const ticket of [40, 90, 140]) {
    await eventually(() => expect(client.stdout()).toContain(`sold ticket ${ticket}\n`), 20_000);
    await server.kill();
    server = startProgram(serverPath, [], folder);
    await eventually(() => expect(server.stdout()).toContain(' tickets are sold'), 10_000);
  }
  expect([await client.exited, client.stdout().trim().split('\n').at(-1)]).toEqual([0, 'the server counted 200']);
}, 60_000);
