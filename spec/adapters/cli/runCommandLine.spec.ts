import { jest } from '@jest/globals';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { buildCli, killAll, packageFolder, parseLines, runCli, startCli, startServer } from '../../support/cliProcess.js';
import { freePort } from '../../support/freePort.js';
import { wireServer } from '../../support/wireServer.js';

// A build, and processes that start and end.
jest.setTimeout(40_000);
beforeAll(buildCli);
afterEach(killAll);

const url = 'ws://127.0.0.1:4870';

describe('the command line', () => {
  it('explains itself', async () => {
    const { code, stdout, stderr } = await runCli(['--help']);
    expect([code, stderr]).toEqual([0, '']);
    for (const command of ['serve', 'tail', 'send', 'request', 'ping', 'bench', 'inspect', 'new'])
      expect(stdout).toContain(`\n  ${command} `);
  });

  it.each([
    [[], 'Usage: rxwire'],
    [['fly'], "rxwire: unknown command 'fly'\nrxwire: rxwire --help tells more\n"],
    [['tail'], "rxwire: missing required argument 'url'"],
    [['tail', url, '--fast'], "rxwire: unknown option '--fast'"],
    [['tail', url, '--from', 'start'], 'rxwire: --from and --history need a channel'],
    [['tail', url, 'c', '--from', 'yesterday'], 'rxwire: --from must be start, live, a number or a position, got yesterday'],
    [['tail', url, 'c', '--from', '1', '--history', '1'], 'rxwire: --from and --history cannot be combined'],
    [['tail', url, 'c', '--history', '0'], "argument '0' is invalid. It must be at least 1."],
    [['tail', url, 'a channel'], 'rxwire: channel: "name" must match'],
    [['tail', 'ftp://127.0.0.1'], 'rxwire: the url must begin with ws:, wss:, http: or https:, got ftp://127.0.0.1'],
    [
      ['tail', 'ws://ann:s3cret@127.0.0.1'],
      'rxwire: the url must not contain credentials, because urls appear in logs: pass the token with --token or RXWIRE_TOKEN',
    ],
    [['send', url, '--text'], 'rxwire: --text needs --type'],
    [['send', url, '--delivery', 'twice'], 'is invalid. Allowed choices are at-most-once, at-least-once, exactly-once.'],
    [['request', url, 'echo', '{'], 'rxwire: the payload must be JSON, got {; --text sends a text'],
    [['new', 'game'], "argument 'template'. Allowed choices are angular, assistant, chat, deploy, express, fastify, nest, node."],
    [['new', 'chat', 'lib'], 'rxwire: the folder lib is not empty: name another one'],
    [['serve', '--port', 'http'], "argument 'http' is invalid. It must be a whole number."],
    [['serve', '--port', '65536'], 'rxwire: options.port should be >= 0 and < 65536. Received type number (65536).'],
    [['serve', '--path', 'wire'], 'rxwire: listen: "path" must start with /, got wire'],
    [['serve', '--origin', 'app.example'], 'rxwire: listen: '],
  ])('refuses %j with the exit code 2', async (args, reason) => {
    const { code, stdout, stderr } = await runCli(args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(reason);
    expect(stderr).not.toContain('    at ');
  });

  it('does not repeat a password of an address', async () => {
    expect((await runCli(['tail', 'ws://ann:s3cret@127.0.0.1'])).stderr).not.toContain('s3cret');
  });
});

describe('rxwire new', () => {
  it('writes a project, and prints the next commands', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rxwire-cli-'));
    const { code, stdout, stderr } = await runCli(['new', 'node', join(folder, 'a script')]);
    expect([code, stderr]).toEqual([0, '']);
    const next = [`cd "${folder}/a script"`, 'npm install', 'npm start'];
    expect(parseLines(stdout)).toEqual([expect.objectContaining({ event: 'created', template: 'node', next })]);
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { readonly version: string };
    expect(readFileSync(join(folder, 'a script/package.json'), 'utf8')).toContain(`"rxwire": "^${version}"`);
    rmSync(folder, { recursive: true });
  });
});

describe('rxwire serve', () => {
  it('needs no optional peer, and loads lmdb only for --store', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rxwire-cli-'));
    cpSync(packageFolder, folder, { recursive: true });
    const manifest = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8')) as object;
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ ...manifest, version: '1.2.3' }));
    const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as { readonly dependencies: object };
    mkdirSync(join(folder, 'node_modules'));
    for (const name of ['rxjs', ...Object.keys(dependencies)])
      symlinkSync(resolve('node_modules', name), join(folder, 'node_modules', name));
    const alone = join(folder, 'esm/adapters/cli/rxwire.js');
    expect((await runCli(`${process.execPath} ${alone} --version`)).stdout).toBe('1.2.3\n');
    const stored = await runCli(`${process.execPath} ${alone} serve --port 0 --store ${folder}/store`);
    expect(stored).toMatchObject({ code: 2, stderr: 'rxwire: --store needs the package lmdb: npm install lmdb\n' });
    const server = startCli(`exec ${process.execPath} ${alone} serve --port 0`);
    const { url } = JSON.parse(await server.line()) as { readonly url: string };
    expect((await runCli(`${process.execPath} ${alone} request ${url} echo 1`)).stdout).toBe('1\n');
    rmSync(folder, { recursive: true });
  });

  it('reports a port that is taken, with the exit code 1', async () => {
    const { port } = await startServer();
    const { code, stderr } = await runCli(['serve', '--port', port]);
    expect([code, stderr]).toEqual([1, `rxwire: listen EADDRINUSE: address already in use 127.0.0.1:${port}\n`]);
  });

  it('refuses a name that a page could have given to this machine, and a page of another host', async () => {
    const { url, line } = await startServer();
    const address = url.replace('ws:', 'http:');
    const post = (headers: Record<string, string>) =>
      runCli(
        `node -e 'require("http").request(process.argv[1], { method: "POST", headers: JSON.parse(process.argv[2]) }, (r) => console.log(r.statusCode)).end()' '${address}' '${JSON.stringify({ 'rxwire-link': 'x'.repeat(21), ...headers })}'`,
      );
    expect((await post({ host: 'attacker.example' })).stdout).toBe('403\n');
    expect((await post({ origin: 'https://attacker.example' })).stdout).toBe('403\n');
    expect(JSON.parse(await line())).toMatchObject({ event: 'refused' });
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('lets its clients go at %s, and ends with the exit code 0', async (signal) => {
    const server = await startServer();
    const tail = startCli(['tail', server.url, 'c', '--no-reconnect']);
    expect(JSON.parse(await server.line())).toMatchObject({ event: 'connected', transport: 'websocket' });
    server.child.kill(signal);
    expect(await server.ended).toMatchObject({ code: 0, signal: null, stderr: '' });
    expect((await tail.ended).code).toBe(3);
  });
});

describe('rxwire ping', () => {
  const rowsOf = async (args: readonly string[]) => {
    const { code, stdout, stderr } = await runCli(['ping', '--count', '2', ...args]);
    return { code, stderr, rows: parseLines(stdout).map(({ transport, works, isInUse, codec }) => [transport, works, isInUse, codec]) };
  };

  it('tries each transport', async () => {
    const { url } = await startServer();
    expect(await rowsOf([url, '--codec', 'msgpack'])).toEqual({
      code: 0,
      stderr: '',
      rows: [
        ['websocket', true, true, 'msgpack'],
        ['sse', true, false, 'msgpack'],
        ['long-polling', true, false, 'msgpack'],
      ],
    });
  });

  it('reports a transport that does not work, and the one in use', async () => {
    const server = await wireServer((wire) => wire.subscribe(), { transports: ['long-polling'] });
    expect(await rowsOf([server.url])).toMatchObject({
      code: 0,
      rows: [
        ['websocket', false, undefined, undefined],
        ['sse', false, undefined, undefined],
        ['long-polling', true, true, 'json'],
      ],
    });
    await server.close();
  });

  it('has the exit code 3 when nothing works, and 1 when the server refuses the client', async () => {
    expect((await rowsOf([`ws://127.0.0.1:${await freePort()}`])).code).toBe(3);
    const { url } = await startServer(['--token', 's3cret']);
    expect((await rowsOf([url])).code).toBe(1);
    expect((await rowsOf([url, '--token', 's3cret', '--transport', 'sse'])).rows).toEqual([['sse', true, true, 'json']]);
  });
});

describe('rxwire bench', () => {
  it('measures a server that acks', async () => {
    const { url } = await startServer();
    const { code, stdout, stderr } = await runCli(['bench', url, '--seconds', '1', '--size', '10', '--ahead', '8']);
    expect([code, stderr]).toEqual([0, '']);
    const number = expect.any(Number);
    expect(parseLines(stdout)).toEqual([
      { transport: 'websocket', size: 10, ahead: 8, acked: number, perSecond: number, roundTrip: expect.objectContaining({ p50: number }) },
    ]);
    expect(parseLines(stdout)[0]!['acked']).toBeGreaterThan(8);
  });
});

describe('rxwire inspect', () => {
  it('prints the frames of both directions, without the token', async () => {
    const { url } = await startServer(['--token', 's3cret']);
    const inspect = startCli(['inspect', url, 'c', '--token', 's3cret']);
    const until = async (kind: string, part = ''): Promise<Record<string, unknown>> => {
      for (;;) {
        const line = await inspect.line();
        const frame = JSON.parse(line) as Record<string, unknown>;
        if (frame['kind'] === kind && line.includes(part)) return frame;
      }
    };
    expect(await until('hello')).toMatchObject({ direction: 'sent', connection: 1, fields: { token: '…' } });
    expect(await until('welcome')).toMatchObject({ direction: 'received', fields: { codec: 'json', rt: '…' } });
    await until('msg', 'channel.joined');
    await runCli(['send', url, '--type', 'n', '--channel', 'c', '--token', 's3cret'], '42\n');
    expect(await until('msg', 'channel.message')).toMatchObject({ direction: 'received', count: 1, isResent: false });
    inspect.child.kill('SIGINT');
    const { code, stdout, stderr } = await inspect.ended;
    expect([code, stderr]).toEqual([130, '']);
    expect(stdout).not.toContain('s3cret');
  });
});
