import { jest } from '@jest/globals';
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { startConsole, type Console } from '../../docs/examples/console/server.js';
import { eventually, isAlive } from './consoleSupport.js';

interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const start = (script: string, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}) =>
  spawn(process.execPath, ['--import', 'tsx', `docs/examples/console/${script}.ts`, ...args], {
    env: { PATH: process.env['PATH'], ...env },
  });

async function finish(child: ChildProcessWithoutNullStreams): Promise<Result> {
  const closed = once(child, 'close') as Promise<[number | null]>;
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
  return { code, stdout, stderr };
}

/** Runs the command line in a process of its own. */
function cli(args: readonly string[], input = ''): Promise<Result> {
  const child = start('cli', args);
  child.stdin.end(input);
  return finish(child);
}

// A process, a compiler, a server and another process: on a slow machine more than the usual limit.
jest.setTimeout(30_000);

describe('the console from a shell', () => {
  it('runs what comes in, and prints what it prints', async () => {
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
    const { code, stdout, stderr } = await cli(['run', '--url', 'http://127.0.0.1:1'], '1');
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toBe('rxwire: cannot reach ws://127.0.0.1:1/wire: connect ECONNREFUSED 127.0.0.1:1\n');
  });

  describe('with a server that runs already', () => {
    let server: Console;
    beforeAll(async () => void (server = await startConsole({ port: 0, page: false })));
    afterAll(() => server.close());

    it('runs there, by its page’s address or its wire’s', async () => {
      expect(await cli(['run', '--url', server.url], 'console.log(1)')).toEqual({ code: 0, stdout: '1\n', stderr: '' });
      expect(await cli(['run', '--url', `${server.url.replace('http', 'ws')}/wire`], 'console.log(2)')).toMatchObject({ stdout: '2\n' });
    });

    it('stops the program when it is interrupted', async () => {
      const child = start('cli', ['run', '--url', server.url]);
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
    const child = start('server', [], { PORT: '0' });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const [url] = /http:\/\/127\.0\.0\.1:\d+/.exec(line.toString()) ?? [''];
    expect((await fetch(url)).status).toBe(200);
    child.kill('SIGINT');
    expect(await once(child, 'close')).toEqual([0, null]);
  });

  it('says when its port is taken, or is none', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const { code, stderr } = await finish(start('server', [], { PORT: String(port) }));
    taken.close();
    const hint = 'stop what uses it, or choose another with';
    expect([code, stderr]).toEqual([1, `rxwire: port ${port} is taken: ${hint} PORT=${port + 1} npm start\n`]);
    expect(await finish(start('server', [], { PORT: 'x' }))).toMatchObject({
      code: 1,
      stderr: 'rxwire: PORT must be a number from 0 to 65535, got x\n',
    });
  });
});
