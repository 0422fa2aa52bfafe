import { jest } from '@jest/globals';
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import { build, type BuildOptions } from 'esbuild';
import { filter, firstValueFrom, lastValueFrom, ReplaySubject, toArray } from 'rxjs';
import { execute, newRun, readRun } from '../../docs/examples/console/client.js';
import { outputIn, type ExecutionMessage } from '../../docs/examples/console/messages.js';
import { startConsole, type Console } from '../../docs/examples/console/server.js';
import { connect, msgpack, webSocket } from '../../lib/index.js';
import { eventually, isAlive } from './consoleSupport.js';

interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const folder = 'docs/examples/console';
const bundles = 'node_modules/.cache/rxwire/console';

/** Compiles a program once: by `tsx` each process would compile the whole library again. */
const compile = (script: string, options: BuildOptions = {}) =>
  build({
    entryPoints: [`${folder}/${script}.ts`],
    outfile: `${bundles}/${script}.mjs`,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    alias: {
      rxwire: './lib/index.ts',
      'rxwire/server': './lib/server/index.ts',
      'rxwire/node': './lib/adapters/node/index.ts',
      'rxwire/ai': './lib/adapters/ai/index.ts',
    },
    // The server finds its files where its source is.
    define: { 'import.meta.url': JSON.stringify(pathToFileURL(`${folder}/server.ts`)) },
    ...options,
  });

const start = (args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
  spawn(process.execPath, args, { env: { PATH: process.env['PATH'], ...env } });
const startCli = (args: readonly string[]) => start([`${bundles}/cli.mjs`, ...args]);

async function finish(child: ChildProcessWithoutNullStreams): Promise<Result> {
  const closed = once(child, 'close') as Promise<[number | null]>;
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
  return { code, stdout, stderr };
}

const textOf = (messages: readonly ExecutionMessage[]): string =>
  messages
    .flatMap(outputIn)
    .map(({ data }) => data)
    .join('');

/** Runs the command line in a process of its own. */
function cli(args: readonly string[], input = ''): Promise<Result> {
  const child = startCli(args);
  child.stdin.end(input);
  return finish(child);
}

// A process, a compiler, a server and another process: on a slow machine more than the usual limit.
jest.setTimeout(30_000);

describe('the console from a shell', () => {
  let unreached: Promise<Result>;
  beforeAll(async () => {
    await compile('cli');
    // It tries for three seconds, beside the other tests.
    unreached = cli(['run', '--url', 'http://127.0.0.1:1'], '1');
  });

  it('runs the program of stdin, and prints its output', async () => {
    expect(await cli(['run'], 'console.log(6*7)')).toEqual({ code: 0, stdout: '42\n', stderr: '' });
  });

  it('runs a file, keeps stderr apart, ends with its exit code', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rxwire-spec-'));
    writeFileSync(join(folder, 'a.js'), 'console.log("out"); console.error("err"); process.exitCode = 7;');
    expect(await cli(['run', join(folder, 'a.js')])).toEqual({ code: 7, stdout: 'out\n', stderr: 'err\n' });
    rmSync(folder, { recursive: true });
  });

  it('passes on a large output whole', async () => {
    const { stdout } = await cli(['run'], 'for (let n = 0; n < 50_000; n++) console.log(n)');
    expect(stdout).toBe(Array.from({ length: 50_000 }, (_, n) => `${n}\n`).join(''));
  });

  it('says why a program was stopped', async () => {
    expect(await cli(['run'], 'const all = []; for (;;) all.push([1, 2, 3]);')).toEqual({
      code: 1,
      stdout: '',
      stderr: 'rxwire: stopped: out of memory\n',
    });
  });

  it('explains itself', async () => {
    const { code, stdout } = await cli(['--help']);
    expect(code).toBe(0);
    expect(stdout).toContain('run [file] [--url <url>]');
  });

  it.each([
    [['walk'], 'rxwire: expected: run [file] [--url <url>]; --help tells more\n'],
    [['run', 'a', 'b'], 'rxwire: expected: run [file] [--url <url>]; --help tells more\n'],
    [['run', '--fast'], "rxwire: Unknown option '--fast'\n"],
    [['run', 'no-such-file.js'], 'rxwire: cannot read no-such-file.js\n'],
    [['run', '--url', 'ftp://127.0.0.1'], 'rxwire: --url must be an http or ws address, got ftp://127.0.0.1\n'],
    [['run', '--url', 'http://192.0.2.1'], 'rxwire: --url must lead to this machine, got 192.0.2.1\n'],
  ])('refuses %j in one line', async (args, stderr) => {
    expect(await cli(args)).toEqual({ code: 2, stdout: '', stderr });
  });

  it('says in one line that the server is not reached', async () => {
    const { code, stdout, stderr } = await unreached;
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toBe('rxwire: cannot reach ws://127.0.0.1:1/wire: connect ECONNREFUSED 127.0.0.1:1\n');
  });

  describe('with a server that runs already', () => {
    let server: Console;
    beforeAll(async () => void (server = await startConsole({ port: 0, page: false })));
    afterAll(() => server.close());

    it('runs there, by its page’s address or its wire’s', async () => {
      const addresses = [server.url, `${server.url.replace('http', 'ws')}/wire`];
      const results = await Promise.all(addresses.map((address, index) => cli(['run', '--url', address], `console.log(${index})`)));
      expect(results).toEqual(['0\n', '1\n'].map((stdout) => ({ code: 0, stdout, stderr: '' })));
    });

    it('stops the program when it is interrupted', async () => {
      const child = startCli(['run', '--url', server.url]);
      child.stdin.end('console.log(process.pid); setInterval(() => 0, 1_000);');
      const [pid] = (await once(child.stdout, 'data')) as [Buffer];
      child.kill('SIGINT');
      expect(await once(child, 'close')).toEqual([130, null]);
      await eventually(() => !isAlive(Number(pid)));
    });
  });
});

describe('npm start', () => {
  it('says where the page is, and closes on SIGINT', async () => {
    const child = start(['--import', 'tsx', `${folder}/server.ts`], { PORT: '0' });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const [url] = /http:\/\/127\.0\.0\.1:\d+/.exec(line.toString()) ?? [''];
    expect((await fetch(url)).status).toBe(200);
    child.kill('SIGINT');
    expect(await once(child, 'close')).toEqual([0, null]);
  });

  // As if it were its source that was started.
  const compileServer = () => compile('server', { banner: { js: `process.argv[1] = ${JSON.stringify(resolve(folder, 'server.ts'))};` } });

  it('keeps the output of programs when it is killed', async () => {
    await compileServer();
    const free = createServer().listen(0, '127.0.0.1');
    await once(free, 'listening');
    const { port } = free.address() as AddressInfo;
    free.close();
    const startServer = async () => {
      const child = start([`${bundles}/server.mjs`], { PORT: String(port) });
      await once(child.stdout, 'data');
      return child;
    };
    const killed = await startServer();
    const wire = connect({
      link: webSocket(`ws://127.0.0.1:${port}/wire`),
      codec: msgpack(),
      reconnect: { initialInterval: 20, maxInterval: 100 },
    });
    const names = newRun('killed');
    const program = `for (let n = 1; ; n++) { console.log(n); await new Promise((done) => setTimeout(done, 20)); }`;
    const live = new ReplaySubject<ExecutionMessage>();
    execute(wire, program, names).subscribe(live);
    await firstValueFrom(live.pipe(filter((message) => textOf([message]).includes('20\n'))));
    killed.kill('SIGKILL');
    await once(killed, 'close');
    const next = await startServer();

    const messages = await lastValueFrom(live.pipe(toArray()));
    expect(messages.at(-1)).toMatchObject({ type: 'execution.error', payload: { error: { code: 'ERR_INTERRUPTED' } } });
    const numbers = textOf(messages).trim().split('\n').map(Number);
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
    expect(numbers.length).toBeGreaterThanOrEqual(20);
    expect(textOf(await lastValueFrom(readRun(wire, names).pipe(toArray())))).toBe(textOf(messages));
    wire.unsubscribe();
    next.kill('SIGINT');
    await once(next, 'close');
    rmSync(`${folder}/.tmp/${port}`, { recursive: true });
  });

  it('says when its port is taken, or is none', async () => {
    await compileServer();
    const startServer = (PORT: string) => finish(start([`${bundles}/server.mjs`], { PORT }));
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const [{ code, stderr }, noPort] = await Promise.all([startServer(String(port)), startServer('x')]);
    taken.close();
    const hint = 'stop what uses it, or choose another with';
    expect([code, stderr]).toEqual([1, `rxwire: port ${port} is taken: ${hint} PORT=${port + 1} npm start\n`]);
    expect(noPort).toMatchObject({ code: 1, stderr: 'rxwire: PORT must be a number from 0 to 65535, got x\n' });
  });
});
