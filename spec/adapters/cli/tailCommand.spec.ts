import { jest } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMessage } from '../../../lib/index.js';
import { buildCli, killAll, parseLines, runCli, startCli, startServer } from '../../support/cliProcess.js';
import { wireServer } from '../../support/wireServer.js';

// A build, and processes that start and end.
jest.setTimeout(40_000);
beforeAll(buildCli);
afterEach(killAll);

const numbers = (from: number, to: number): string => Array.from({ length: to - from + 1 }, (_, index) => `${from + index}\n`).join('');
const publish = (url: string, from: number, to: number) => runCli(['send', url, '--type', 'n', '--channel', 'room.1'], numbers(from, to));
const payloads = (stdout: string): unknown[] => parseLines(stdout).map(({ payload }) => payload);

describe('rxwire tail', () => {
  it('ends quietly when head has its lines', async () => {
    const { url } = await startServer();
    expect((await publish(url, 1, 100)).code).toBe(0);
    const { code, stdout, stderr } = await runCli(`$RXWIRE tail ${url} room.1 --from start | head -3`);
    expect([code, stderr]).toEqual([0, '']);
    expect(payloads(stdout)).toEqual([1, 2, 3]);
  });

  it('ends without an error at the first message after its reader has closed stdout', async () => {
    const { url } = await startServer();
    await publish(url, 1, 1);
    const tail = startCli(['tail', url, 'room.1', '--from', 'start']);
    await tail.line();
    tail.child.stdout.destroy();
    await publish(url, 2, 2);
    expect(await tail.ended).toMatchObject({ code: 0, signal: null, stderr: '' });
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('ends with %s quietly, with the exit code %d', async (signal, code) => {
    const server = await startServer();
    await publish(server.url, 1, 1);
    const tail = startCli(['tail', server.url, 'room.1', '--from', 'start']);
    await tail.line();
    tail.child.kill(signal);
    expect(await tail.ended).toMatchObject({ code, signal: null, stderr: '' });
  });

  it('continues after a restart of the server, and misses nothing', async () => {
    const store = mkdtempSync(join(tmpdir(), 'rxwire-cli-'));
    const first = await startServer(['--store', store]);
    await publish(first.url, 1, 2);
    const tail = startCli(['tail', first.url, 'room.1', '--from', 'start', '--retries', '1000']);
    await tail.line();
    await tail.line();
    first.child.kill('SIGKILL');
    await tail.says('the connection is lost');
    const second = await startServer(['--store', store, '--port', first.port]);
    await publish(second.url, 3, 4);
    await tail.line();
    await tail.line();
    tail.child.kill('SIGINT');
    const { code, stdout, stderr } = await tail.ended;
    expect([code, payloads(stdout)]).toEqual([130, [1, 2, 3, 4]]);
    expect(stderr).toMatch(/^rxwire: the connection is lost, [^\n]*\nrxwire: connected again, over [a-z-]+\n$/);
    await killAll();
    rmSync(store, { recursive: true });
  });

  it('reads the messages of a server that has stopped and started since', async () => {
    const store = mkdtempSync(join(tmpdir(), 'rxwire-cli-'));
    const first = await startServer(['--store', store]);
    await publish(first.url, 1, 3);
    first.child.kill('SIGTERM');
    expect(await first.ended).toMatchObject({ code: 0, signal: null });
    const second = await startServer(['--store', store]);
    const { stdout } = await runCli(['tail', second.url, 'room.1', '--from', 'start', '--count', '3']);
    expect(payloads(stdout)).toEqual([1, 2, 3]);
    await killAll();
    rmSync(store, { recursive: true });
  });

  it.each([
    ['the first loss', ['--no-reconnect'], /^rxwire: the connection ended [^\n]*\n$/],
    [
      'its last attempt',
      ['--retries', '1'],
      /^rxwire: the connection is lost[^\n]*\nrxwire: the wire did not reconnect: attempt 1 was the last one[^\n]*\n$/,
    ],
  ])('ends with the exit code 3 after %s', async (_, args, stderr) => {
    const server = await startServer();
    await publish(server.url, 1, 1);
    const tail = startCli(['tail', server.url, 'room.1', '--from', 'start', ...args]);
    await tail.line();
    server.child.kill('SIGKILL');
    const result = await tail.ended;
    expect(result.code).toBe(3);
    expect(result.stderr).toMatch(stderr);
  });

  it('begins with the latest n messages, or behind a position', async () => {
    const { url } = await startServer();
    await publish(url, 1, 5);
    const latest = await runCli(['tail', url, 'room.1', '--from', '2', '--count', '2']);
    expect(payloads(latest.stdout)).toEqual([4, 5]);
    const [{ position } = {}] = parseLines(latest.stdout);
    const behind = await runCli(['tail', url, 'room.1', '--from', String(position), '--count', '1']);
    expect(payloads(behind.stdout)).toEqual([5]);
  });

  it('prints the history, and ends', async () => {
    const { url } = await startServer();
    await publish(url, 1, 5);
    const { code, stdout, stderr } = await runCli(['tail', url, 'room.1', '--history', '2']);
    expect([code, stderr, payloads(stdout)]).toEqual([0, '', [4, 5]]);
  });

  it('prints all messages of a wire, and escapes the control characters of a terminal', async () => {
    const server = await wireServer((wire) => {
      wire.subscribe();
      // What a hub says to a client of an earlier process is not of the application.
      wire.next(createMessage('channel.reset', null));
      wire.next(createMessage('note', { text: '\u009b31m\u001b[31m\u202e', bytes: new Uint8Array([1, 2]), big: 12n }));
    });
    const { stdout } = await runCli(['tail', server.url.replace('ws:', 'http:'), '--codec', 'msgpack', '--count', '1']);
    expect(stdout).toContain(String.raw`{"text":"\u009b31m\u001b[31m\u202e","bytes":{"base64":"AQI="},"big":"12"}`);
    expect(payloads(stdout)).toEqual([{ text: '\u009b31m\u001b[31m\u202e', bytes: { base64: 'AQI=' }, big: '12' }]);
    await server.close();
  });

  it('ends with the exit code 3 when the server does not answer for channels', async () => {
    const server = await wireServer((wire) => wire.subscribe());
    const { code, stderr } = await runCli(['tail', server.url, 'room.1', '--timeout', '50']);
    expect(code).toBe(3);
    expect(stderr).toMatch(/^rxwire: [^\n]*room\.1[^\n]*\n$/);
    await server.close();
  });
});

describe('rxwire tail on a terminal', () => {
  const terminal = (command: string, env: NodeJS.ProcessEnv = {}) =>
    runCli(`script -qefc "$RXWIRE ${command}" /dev/null`, '', { TERM: 'xterm-256color', ...env });

  it('prints a coloured line for a person', async () => {
    const { url } = await startServer();
    await runCli(['send', url, '--channel', 'c'], '{"type":"note","payload":"a\\u001bb"}\n');
    const { stdout } = await terminal(`tail ${url} c --history 1`);
    expect(stdout).toContain('\u001b[36mnote\u001b[39m');
    expect(stdout).toContain(String.raw`  a\u001bb`);
  });

  it('prints no colours with NO_COLOR, and JSON with --json', async () => {
    const { url } = await startServer();
    await runCli(['send', url, '--channel', 'c'], '{"type":"note","payload":1}\n');
    const { stdout } = await terminal(`tail ${url} c --history 1`, { NO_COLOR: '1' });
    expect(stdout).not.toContain('\u001b');
    expect(stdout).toMatch(/^[\d:.]+ {2}note {2}[\w-]+ {2}1\r\n$/);
    expect(JSON.parse((await terminal(`--json tail ${url} c --history 1`)).stdout)).toMatchObject({ type: 'note', payload: 1 });
  });
});
