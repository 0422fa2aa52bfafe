import { once } from 'node:events';
import { request, type IncomingHttpHeaders, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect as connectTcp, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { filter, firstValueFrom, from, ignoreElements, lastValueFrom, map, ReplaySubject, take, tap, toArray, type Observable } from 'rxjs';
import { execute, killRun, newRun, readRun, stopRun } from '../../docs/examples/console/client.js';
import { countDelivery } from '../../docs/examples/console/delivery.js';
import { outputIn, runChannelOf, runsChannelOf, type ExecutionMessage } from '../../docs/examples/console/messages.js';
import { startConsole, type Console, type ConsoleOptions } from '../../docs/examples/console/server.js';
import { channel, connect, createMessage, longPolling, msgpack, serverSentEvents, webSocket, type Wire } from '../../lib/index.js';
import { eventually, isAlive } from './consoleSupport.js';

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

let server: Console;
const wires: Wire[] = [];

async function start(options: ConsoleOptions = {}): Promise<void> {
  server = await startConsole({ port: 0, page: false, ...options });
}

function open(id = 'spec', transport: typeof webSocket | typeof longPolling = webSocket): Wire {
  const wire = connect({
    link: transport(`${server.url.replace('http', 'ws')}/wire?console=${id}`),
    codec: msgpack(),
    reconnect: { initialInterval: 20, maxInterval: 100 },
  });
  wires.push(wire);
  return wire;
}

afterEach(async () => {
  wires.splice(0).forEach((wire) => wire.unsubscribe());
  await server.close();
});

const textOf = (message: ExecutionMessage): string =>
  outputIn(message)
    .map(({ data }) => data)
    .join('');
const all = (messages$: Observable<ExecutionMessage>): Promise<ExecutionMessage[]> => lastValueFrom(messages$.pipe(toArray()));
const endOf = (messages: readonly ExecutionMessage[]): unknown => {
  const last = messages.at(-1);
  return last?.type === 'execution.error' ? last.payload.error.code : last?.type;
};
/** Starts a program that prints its process id, and runs on. */
function keepRunning(wire: Wire) {
  const messages$ = new ReplaySubject<ExecutionMessage>();
  const names = newRun('box');
  const subscription = execute(wire, 'console.log(process.pid); setInterval(() => 0, 1_000);', names).subscribe(messages$);
  return {
    names,
    messages$,
    pid: firstValueFrom(messages$.pipe(map((message) => Number(textOf(message))))),
    leave: () => subscription.unsubscribe(),
  };
}

/** A request with whatever headers a stranger may send. */
async function ask(method: string, path: string, headers: OutgoingHttpHeaders = {}): Promise<Answer> {
  const asked = request(`${server.url}${path}`, { method, headers }).end();
  const [response, socket] = (await Promise.race([once(asked, 'response'), once(asked, 'upgrade')])) as [IncomingMessage, Socket?];
  const body = response.statusCode === 101 ? '' : await text(response);
  (socket ?? asked).destroy();
  return { status: response.statusCode, headers: response.headers, body };
}

const cut = (id: string): Promise<Answer> => ask('POST', `/cut?console=${id}`, { origin: server.url });

const upgradeHeaders = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': Buffer.alloc(16).toString('base64'),
};
const upgradeLines = Object.entries(upgradeHeaders)
  .map(([name, value]) => `${name}: ${value}\r\n`)
  .join('');
const upgrade = (headers: OutgoingHttpHeaders, path = '/wire'): Promise<Answer> => ask('GET', path, { ...upgradeHeaders, ...headers });

describe('the console, over a real wire', () => {
  it('runs a program and reports how it ended', async () => {
    await start();
    const messages = await all(execute(open(), 'console.log(6 * 7)', newRun('box')));
    expect(messages.map(textOf)).toEqual(['42\n', '']);
    expect(messages.at(-1)).toMatchObject({
      type: 'execution.complete',
      payload: { sandboxId: 'box', data: { exitCode: 0, duration: expect.any(Number) as number } },
    });
  });

  it('reports why a program was stopped', async () => {
    await start({ timeLimit: 300 });
    expect(endOf(await all(execute(open(), 'for (;;);', newRun('box'))))).toBe('ERR_TIME_LIMIT');
  });

  it('loses and doubles nothing when the connection is cut in mid-stream, again and again', async () => {
    await start();
    const wire = open('cut-me');
    let reconnects = 0;
    wire.state$.pipe(filter(({ status }) => status === 'reconnecting')).subscribe(() => reconnects++);

    const program = `
      import { setTimeout } from 'node:timers/promises';
      for (let n = 1; n <= 60; n++) { console.log(n); await setTimeout(15); }`;
    const cuts: Promise<Answer>[] = [];
    const cutNow = (message: ExecutionMessage): void => {
      const isBack = reconnects === cuts.length && wire.state.status === 'connected';
      if (isBack && Number(textOf(message).trim().split('\n').at(-1)) > (cuts.length + 1) * 12 && cuts.length < 4) cuts.push(cut('cut-me'));
    };
    const messages = await all(execute(wire, program, newRun('box')).pipe(tap(cutNow)));

    expect(messages.map(textOf).join('')).toBe(Array.from({ length: 60 }, (_, index) => `${index + 1}\n`).join(''));
    expect(await lastValueFrom(from(messages).pipe(countDelivery()))).toEqual({ received: messages.length, lost: 0, doubled: 0 });
    expect((await Promise.all(cuts)).map(({ status }) => status)).toEqual(cuts.map(() => 204));
    expect(reconnects).toBeGreaterThanOrEqual(2);
  });

  it('continues a program whose client has stopped reading or has left; another client stops it', async () => {
    await start();
    const [ann, bob] = [open(), open()];
    const program = keepRunning(ann);
    const pid = await program.pid;
    program.leave();
    ann.complete();
    await lastValueFrom(ann.pipe(ignoreElements()), { defaultValue: undefined });
    const read = all(readRun(bob, program.names));
    await firstValueFrom(readRun(bob, program.names));
    expect(isAlive(pid)).toBe(true);
    stopRun(bob, program.names);
    expect((await read).map(textOf)).toEqual([`${pid}\n`, '']);
    expect(endOf(await read)).toBe('ERR_STOPPED');
    await eventually(() => !isAlive(pid));
  });

  it('sends a run from its start to each client that requests it, also after its end, and lists it', async () => {
    await start();
    const names = newRun('box');
    const code = 'for (let n = 1; n <= 20_000; n++) { console.log(n); if (n % 5_000 === 0) console.error(`e${n}`); }';
    const live = await all(execute(open(), code, names));
    const late = await all(readRun(open(), names));
    const streams = (messages: readonly ExecutionMessage[]) =>
      ['stdout', 'stderr'].map((name) =>
        messages
          .flatMap(outputIn)
          .flatMap(({ stream, data }) => (stream === name ? data : []))
          .join(''),
      );
    expect(streams(late)).toEqual(streams(live));
    expect(streams(late)).toEqual([Array.from({ length: 20_000 }, (_, n) => `${n + 1}\n`).join(''), 'e5000\ne10000\ne15000\ne20000\n']);
    // A moment after its end, the last part is compacted, too.
    let compacted = late;
    while (!compacted.at(-1)?.payload.before) compacted = await all(readRun(open(), names));
    expect(compacted.length).toBeLessThan(live.length / 2);
    expect(compacted.at(-1)).toMatchObject({ type: 'execution.complete', payload: { data: { exitCode: 0 } } });
    expect(streams(compacted)).toEqual(streams(live));
    const count = await lastValueFrom(from(compacted).pipe(countDelivery()));
    expect(count).toEqual(await lastValueFrom(from(live).pipe(countDelivery())));
    const listed = await firstValueFrom(channel(open(), runsChannelOf('box'), { from: 'start' }).pipe(take(2), toArray()));
    expect(listed.map(({ type, payload }) => [type, (payload as { executionId: string }).executionId])).toEqual([
      ['run.started', names.executionId],
      ['execution.complete', names.executionId],
    ]);
  });

  it('runs a repeated start once, also after a restart', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rxwire-spec-'));
    await start({ folder });
    const names = newRun('box');
    const again = (wire: Wire) => wire.send(createMessage('execution.start', { ...names, data: 'console.log("again")' }));
    const wire = open();
    const read = all(execute(wire, 'console.log(1)', names));
    expect((await again(wire)).status).toBe('acked');
    expect((await read).map(textOf).join('')).toBe('1\n');
    await server.close();
    await start({ folder });
    const next = open();
    expect((await again(next)).status).toBe('acked');
    expect((await all(readRun(next, names))).map(textOf).join('')).toBe('1\n');
    rmSync(folder, { recursive: true });
  });

  it('stops all programs when the server closes', async () => {
    await start();
    const pid = await keepRunning(open()).pid;
    await server.close();
    await eventually(() => !isAlive(pid));
  });

  it('reports to a client of a restarted server that its program was interrupted, and sends the output to others', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rxwire-spec-'));
    await start({ folder });
    const { messages$, pid, names } = keepRunning(open());
    await pid;
    await server.close();
    await start({ folder, port: Number(new URL(server.url).port) });
    const messages = await all(messages$);
    expect(messages.map(textOf)).toEqual([`${await pid}\n`, '']);
    expect(messages.at(-1)).toMatchObject({
      payload: { error: { code: 'ERR_INTERRUPTED', message: 'interrupted: the server was restarted while the program ran' } },
    });
    const late = await all(readRun(open(), names));
    expect([late.map(textOf).join(''), endOf(late)]).toEqual([`${await pid}\n`, 'ERR_INTERRUPTED']);
    const listed = channel(open(), runsChannelOf('box'), { from: 'start' });
    expect((await firstValueFrom(listed.pipe(take(2), toArray()))).map(({ type }) => type)).toEqual(['run.started', 'execution.error']);
    rmSync(folder, { recursive: true });
  });

  it('reports to a client of a server restarted without its folder that its program is lost', async () => {
    await start();
    const { messages$, pid } = keepRunning(open());
    await pid;
    await server.close();
    await start({ port: Number(new URL(server.url).port) });
    await expect(all(messages$)).rejects.toThrow('the server has forgotten this run');
  });

  it('reports to a client that its program could not be sent', async () => {
    await start();
    const wire = open();
    await expect(all(execute(wire, ' '.repeat(2_000_000), newRun('box')))).rejects.toMatchObject({ code: 'ERR_FRAME_TOO_LARGE' });
    expect((await all(execute(wire, 'console.log(1)', newRun('box')))).map(textOf)).toEqual(['1\n', '']);
  });

  it('runs a few at once, lets some wait, and refuses the rest', async () => {
    await start({ concurrency: 1, maxWaiting: 1 });
    const wire = open();
    const first = keepRunning(wire);
    await first.pid;
    const second = all(execute(wire, 'console.log("second")', newRun('box')));
    expect(endOf(await all(execute(wire, 'console.log("third")', newRun('box'))))).toBe('ERR_BUSY');
    stopRun(wire, first.names);
    expect((await second).map(textOf)).toEqual(['second\n', '']);
  });

  it('stops a program that waits for its turn, at once', async () => {
    await start({ concurrency: 1 });
    const wire = open();
    const first = keepRunning(wire);
    const pid = await first.pid;
    const second = newRun('box');
    const ended = all(execute(wire, 'console.log("second")', second));
    stopRun(wire, second);
    expect(endOf(await ended)).toBe('ERR_STOPPED');
    const third = newRun('box');
    const later = all(execute(wire, 'console.log("third")', third));
    await firstValueFrom(channel(wire, runChannelOf(third), { from: 'start' }));
    stopRun(wire, third);
    stopRun(wire, third);
    expect((await later).map(textOf)).toEqual(['']);
    expect(isAlive(pid)).toBe(true);
  });

  it.each([
    ['null', null],
    ['text', 'console.log(1)'],
    ['no id', { sandboxId: 's', data: '' }],
    ['an id of any size', { executionId: 'e'.repeat(129), sandboxId: 's', data: '' }],
    ['a name that is none', { executionId: 'e', sandboxId: 's.t', data: '' }],
  ])('does nothing at a start with %s, and continues', async (_, payload) => {
    await start();
    const wire = open();
    expect((await wire.send(createMessage('execution.start', payload as never))).status).toBe('acked');
    wire.next(createMessage('execution.stop', payload as never));
    expect((await all(execute(wire, 'console.log(1)', newRun('box')))).map(textOf)).toEqual(['1\n', '']);
  });

  it.each([
    ['no program', undefined],
    ['a program that is no text', 1],
    ['too large a program', ' '.repeat(262_145)],
  ])('refuses a start with %s in the channel of the run', async (_, code) => {
    await start();
    expect(endOf(await all(execute(open(), code as never, newRun('box'))))).toBe('ERR_BAD_REQUEST');
  });

  it('refuses messages of other clients in a run', async () => {
    await start();
    const wire = open();
    const { names, pid } = keepRunning(wire);
    await pid;
    for (const name of [runChannelOf(names), runsChannelOf('box')]) {
      const published = channel(wire, name).send(createMessage('run.started', names));
      await expect(published).rejects.toMatchObject({ code: 'ERR_CHANNEL_REFUSED', reason: 'forbidden' });
      await expect(channel(wire, name).end()).rejects.toMatchObject({ code: 'ERR_CHANNEL_REFUSED', reason: 'forbidden' });
    }
  });

  it('closes in a second, even if a client does not answer', async () => {
    await start();
    const { host, port } = new URL(server.url);
    const silent = connectTcp(Number(port), '127.0.0.1');
    silent.write(`GET /wire HTTP/1.1\r\nHost: ${host}\r\n${upgradeLines}\r\n`);
    await once(silent, 'data');
    const closed = once(
      silent.on('error', () => 0),
      'close',
    );
    await Promise.all([server.close(), closed]);
  });
});

describe('the console, over HTTP', () => {
  it('serves a page without inline code, under a strict policy', async () => {
    await start({ page: true });
    const page = await ask('GET', '/');
    expect(page).toMatchObject({ status: 200, headers: { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' } });
    expect(page.headers['content-security-policy']).toContain("default-src 'none'; script-src 'self'; style-src 'self'");
    expect(page.body.match(/<script(?! type="module" src=)|\sstyle=|\son\w+=/g)).toBeNull();
    expect((await ask('GET', '/app.js')).body).toContain('execution.start');
    expect((await ask('GET', '/style.css')).status).toBe(200);
    expect((await ask('GET', '/icon.svg')).status).toBe(200);
  });

  it('refuses other paths and methods', async () => {
    await start();
    expect((await ask('GET', '/package.json')).status).toBe(404);
    expect((await ask('GET', '/../server.ts')).status).toBe(404);
    expect((await ask('GET', '/cut?console=x')).status).toBe(405);
  });

  it('refuses a name that is not its own, for pages and for wires', async () => {
    await start();
    const { port } = new URL(server.url);
    const rebound = { host: `evil.example:${port}`, origin: `http://evil.example:${port}` };
    expect((await ask('GET', '/', rebound)).status).toBe(403);
    expect((await ask('POST', '/cut?console=x', rebound)).status).toBe(403);
    expect((await ask('GET', '/wire', rebound)).status).toBe(403);
    expect((await upgrade(rebound)).status).toBe(403);
    expect((await upgrade({ host: `localhost:${port}`, origin: `http://localhost:${port}` })).status).toBe(101);
  });

  it('refuses pages of another origin', async () => {
    await start();
    expect((await upgrade({ origin: 'http://evil.example' })).status).toBe(403);
    expect((await upgrade({ origin: 'null' })).status).toBe(403);
    expect((await ask('GET', '/wire', { origin: 'http://evil.example', 'rxwire-link': 'a'.repeat(21) })).status).toBe(403);
    expect((await ask('GET', '/wire', { origin: 'http://evil.example' })).status).toBe(404);
    expect((await upgrade({ origin: server.url }, '/elsewhere')).status).toBe(404);
    expect((await upgrade({ origin: server.url })).status).toBe(101);
  });

  it('cuts only for the page itself, and only what is connected', async () => {
    await start();
    const wire = open('mine');
    await firstValueFrom(wire.state$.pipe(filter(({ status }) => status === 'connected')));
    expect((await ask('POST', '/cut?console=mine', { origin: 'http://evil.example' })).status).toBe(403);
    expect((await ask('POST', '/cut?console=mine')).status).toBe(403);
    expect((await cut('yours')).status).toBe(404);
    expect(wire.state.status).toBe('connected');

    const lost = firstValueFrom(wire.state$.pipe(filter(({ status }) => status === 'reconnecting')));
    expect((await cut('mine')).status).toBe(204);
    expect((await lost).error).toMatchObject({ closeCode: 1006 });
  });

  it.each([serverSentEvents, longPolling])('cuts a connection over HTTP, too: %p', async (transport) => {
    await start();
    const wire = open('mine', transport);
    await firstValueFrom(wire.state$.pipe(filter(({ status }) => status === 'connected')));
    const lost = firstValueFrom(wire.state$.pipe(filter(({ status }) => status === 'reconnecting')));
    // A poll may just have ended, and the next not begun.
    while ((await cut('mine')).status !== 204);
    expect((await lost).error).toMatchObject({ closeCode: 1006 });
    await firstValueFrom(wire.state$.pipe(filter(({ status }) => status === 'connected')));
  });

  it('removes the session of a page on request, and none of its runs', async () => {
    await start();
    const wire = open();
    const program = keepRunning(wire);
    await program.pid;
    const lost = firstValueFrom(wire.errors$.pipe(filter(({ code }) => code === 'ERR_SESSION_LOST')));
    wire.next(createMessage('session.forget', null, { delivery: 'at-most-once' }));
    await lost;
    stopRun(wire, program.names);
    const messages = await all(program.messages$);
    expect(endOf(messages)).toBe('ERR_STOPPED');
    expect(await lastValueFrom(from(messages).pipe(countDelivery()))).toMatchObject({ lost: 0, doubled: 0 });
  });

  it('kills the process of a run', async () => {
    await start();
    const wire = open();
    const program = keepRunning(wire);
    const pid = await program.pid;
    killRun(wire, program.names);
    expect(endOf(await all(program.messages$))).toBe('ERR_KILLED');
    expect(isAlive(pid)).toBe(false);
  });

  it.each(['GET //[ HTTP/1.1', 'GET http://[ HTTP/1.1', 'OPTIONS * HTTP/1.1', 'GET /%ff?console=%ff HTTP/1.1'])(
    'survives %s',
    async (line) => {
      await start();
      const { host, port } = new URL(server.url);
      for (const headers of ['', 'Connection: Upgrade\r\nUpgrade: websocket\r\n']) {
        const socket = connectTcp(Number(port), '127.0.0.1');
        socket.write(`${line}\r\nHost: ${host}\r\n${headers}\r\n`);
        const [bytes] = (await once(socket, 'data')) as [Buffer];
        expect(bytes.toString()).toMatch(/^HTTP\/1\.1 4\d\d /);
        socket.destroy();
      }
      expect((await ask('GET', '/')).status).toBe(404);
    },
  );
});
