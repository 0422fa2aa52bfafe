import { jest } from '@jest/globals';
import { firstValueFrom, ReplaySubject, take, toArray } from 'rxjs';
import { consume, hub, type Message } from '../../../lib/index.js';
import { buildCli, killAll, parseLines, runCli, startCli, startServer } from '../../support/cliProcess.js';
import { wireServer } from '../../support/wireServer.js';

// A build, and processes that start and end.
jest.setTimeout(40_000);
beforeAll(buildCli);
afterEach(killAll);

/** A server that remembers the messages of its clients, and acks each when it is released. */
async function collectingServer(release?: Promise<void>) {
  const received$ = new ReplaySubject<Message>();
  const handle = (message: Message): Promise<void> | undefined => {
    received$.next(message);
    return release;
  };
  const server = await wireServer((wire) => wire.pipe(consume(handle)).subscribe());
  return { ...server, received: (count: number) => firstValueFrom(received$.pipe(take(count), toArray())) };
}

describe('rxwire send', () => {
  it('sends each line as a message', async () => {
    const server = await collectingServer();
    const input = '{"type":"a","payload":1,"id":"m1","headers":{"x":1}}\n\n{"type":"b","payload":[2]}\r\n{"type":"c","payload":null}';
    expect(await runCli(['send', server.url], input)).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
    const messages = await server.received(3);
    expect(messages.map(({ type, payload }) => [type, payload])).toEqual([
      ['a', 1],
      ['b', [2]],
      ['c', null],
    ]);
    expect(messages[0]).toMatchObject({ id: 'm1', headers: { x: 1 } });
    await server.close();
  });

  it('sends each line as a payload, or as a text', async () => {
    const server = await collectingServer();
    expect((await runCli(['send', server.url, '--type', 'n'], '1\n"two"\n')).code).toBe(0);
    expect((await runCli(['send', server.url, '--type', 't', '--text'], '3\n{four\n\n')).code).toBe(0);
    const messages = await server.received(5);
    expect(messages.map(({ type, payload }) => [type, payload])).toEqual([
      ['n', 1],
      ['n', 'two'],
      ['t', '3'],
      ['t', '{four'],
      ['t', ''],
    ]);
    await server.close();
  });

  it.each([
    ['is not JSON', ['--type', 'n'], '1\n2\nthree\n4\n', 'rxwire: line 3 of stdin is not JSON; --text sends lines of text\n'],
    [
      'is no message',
      [],
      '{"type":"n"}\n{"type":"n"}\n{"typ":"n"}\n',
      /^rxwire: line 3 of stdin is not a message: [^\n]*type[^\n]*; --type sends each line as a payload\n$/,
    ],
  ])('ends at a line that %s, when the lines before are acked', async (_, args, input, stderr) => {
    const server = await collectingServer();
    const result = await runCli(['send', server.url, ...args], input);
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.stderr).toMatch(stderr);
    expect(await server.received(2)).toHaveLength(2);
    await server.close();
  });

  it('prints the messages that the server refuses, sends the others, and fails', async () => {
    const rooms = hub({ authorize: ({ message }) => message?.payload !== 2 || { reason: 'no twos' } });
    const server = await wireServer((wire) => rooms.serve(wire));
    const input = [1, 2, 3].map((payload) => JSON.stringify({ id: `m${payload}`, type: 'n', payload })).join('\n');
    const { code, stdout, stderr } = await runCli(['send', server.url, '--channel', 'c'], input);
    expect(code).toBe(1);
    expect(parseLines(stdout)).toEqual([{ id: 'm2', status: 'refused', reason: expect.stringContaining('no twos') }]);
    expect(stderr).toMatch(/^rxwire: 2 acked, 1 failed, [^\n]*\n$/);
    const { stdout: history } = await runCli(['tail', server.url, 'c', '--history', '9']);
    expect(parseLines(history).map(({ payload }) => payload)).toEqual([1, 3]);
    await server.close();
  });

  it('fails when the server has no hub for the messages of a channel', async () => {
    const server = await collectingServer();
    const { code, stdout } = await runCli(['send', server.url, '--channel', 'c'], '{"id":"m1","type":"n","payload":1}');
    expect(code).toBe(1);
    expect(parseLines(stdout)).toEqual([{ id: 'm1', status: 'refused', reason: expect.stringContaining('no-hub') }]);
    await server.close();
  });

  it('waits for the acks after the first Ctrl-C', async () => {
    let release: () => void = () => undefined;
    const server = await collectingServer(new Promise((resolve) => (release = resolve)));
    const send = startCli(['send', server.url, '--type', 'n']);
    send.child.stdin.write('1\n2\n');
    await server.received(1);
    send.child.kill('SIGINT');
    await send.says('waits for the acks of messages on their way: 2,');
    release();
    expect(await send.ended).toMatchObject({ code: 130, signal: null });
    expect(await server.received(2)).toHaveLength(2);
    await server.close();
  });

  it('waits no longer than --drain says', async () => {
    const server = await collectingServer(new Promise(() => undefined));
    const send = startCli(['send', server.url, '--type', 'n', '--drain', '50']);
    send.child.stdin.write('1\n');
    await server.received(1);
    send.child.kill('SIGINT');
    expect(await send.ended).toMatchObject({ code: 130, signal: null });
    await server.close();
  });

  it('ends at once with the second Ctrl-C', async () => {
    const server = await collectingServer(new Promise(() => undefined));
    const send = startCli(['send', server.url, '--type', 'n', '--drain', '100000000']);
    send.child.stdin.write('1\n');
    await server.received(1);
    send.child.kill('SIGINT');
    await send.says('waits for the acks of messages on their way: 1,');
    send.child.kill('SIGINT');
    expect(await send.ended).toMatchObject({ code: null, signal: 'SIGINT' });
    await server.close();
  });

  it('has the exit code 3 when the server is killed, and does not come back', async () => {
    const server = await startServer();
    const send = startCli(['send', server.url, '--type', 'n', '--channel', 'c', '--retries', '1']);
    const tail = startCli(['tail', server.url, 'c', '--from', 'start']);
    send.child.stdin.write('1\n');
    await tail.line();
    server.child.kill('SIGKILL');
    const { code, stderr } = await send.ended;
    expect(code).toBe(3);
    expect(stderr).toMatch(/\nrxwire: the wire did not reconnect: attempt 1 was the last one[^\n]*\n$/);
  });

  it('sends the lines that it reads while there is no server, each once', async () => {
    const first = await startServer();
    const send = startCli(['send', first.url, '--type', 'n', '--channel', 'c', '--retries', '1000']);
    send.child.stdin.write('1\n');
    const before = startCli(['tail', first.url, 'c', '--from', 'start', '--no-reconnect']);
    await before.line();
    first.child.kill('SIGKILL');
    await send.says('the connection is lost');
    send.child.stdin.end('2\n3\n');
    const second = await startServer(['--port', first.port]);
    expect((await send.ended).code).toBe(0);
    const { stdout } = await runCli(['tail', second.url, 'c', '--history', '9']);
    // The ack of the first may have been lost with the server.
    expect(parseLines(stdout).flatMap(({ payload }) => (payload === 1 ? [] : [payload]))).toEqual([2, 3]);
  });

  it('refuses a wrong token, and passes the right one on without the command line', async () => {
    const { url } = await startServer([], { RXWIRE_TOKEN: 's3cret' });
    const send = (env: NodeJS.ProcessEnv) => runCli(['send', url, '--type', 'n'], '1\n', env);
    const wrong = await send({ RXWIRE_TOKEN: 's3crex' });
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toContain(
      'rxwire: the server rejected this client (4401): the credentials were not accepted (see rxwire/docs/errors.md#err_unauthorized)\n',
    );
    expect((await send({})).code).toBe(1);
    expect(await send({ RXWIRE_TOKEN: 's3cret' })).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
  });
});
