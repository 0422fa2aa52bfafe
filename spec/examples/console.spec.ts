import { once } from 'node:events';
import { request, type IncomingHttpHeaders, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { connect as connectTcp, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { filter, firstValueFrom, from, lastValueFrom, map, ReplaySubject, tap, toArray, type Observable } from 'rxjs';
import { execute } from '../../docs/examples/console/client.js';
import { countDelivery } from '../../docs/examples/console/delivery.js';
import type { ExecutionMessage } from '../../docs/examples/console/messages.js';
import { startConsole, type Console, type ConsoleOptions } from '../../docs/examples/console/server.js';
import { connect, createMessage, msgpack, ofType, webSocket, type Wire } from '../../lib/index.js';
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

function open(id = 'spec'): Wire {
  const wire = connect({
    link: webSocket(`${server.url.replace('http', 'ws')}/wire?console=${id}`),
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

const textOf = (message: ExecutionMessage): string => (message.type === 'execution.output' ? message.payload.data : '');
const all = (messages$: Observable<ExecutionMessage>): Promise<ExecutionMessage[]> => lastValueFrom(messages$.pipe(toArray()));
const endOf = (messages: readonly ExecutionMessage[]): unknown => {
  const last = messages.at(-1);
  return last?.type === 'execution.error' ? last.payload.error.code : last?.type;
};
/** Starts a program that prints its process id, and runs on. */
function keepRunning(wire: Wire) {
  const messages$ = new ReplaySubject<ExecutionMessage>();
  const subscription = execute(wire, 'console.log(process.pid); setInterval(() => 0, 1_000);', 'box').subscribe(messages$);
  return {
    messages$,
    pid: firstValueFrom(messages$.pipe(map((message) => Number(textOf(message))))),
    stop: () => subscription.unsubscribe(),
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
  it('runs a program and tells how it ended', async () => {
    await start();
    const messages = await all(execute(open(), 'console.log(6 * 7)', 'box'));
    expect(messages.map(textOf)).toEqual(['42\n', '']);
    expect(messages.at(-1)).toMatchObject({
      type: 'execution.complete',
      payload: { sandboxId: 'box', data: { exitCode: 0, duration: expect.any(Number) as number } },
    });
  });

  it('tells why a program was stopped', async () => {
    await start({ timeLimit: 300 });
    expect(endOf(await all(execute(open(), 'for (;;);', 'box')))).toBe('ERR_TIME_LIMIT');
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
    const messages = await all(execute(wire, program, 'box').pipe(tap(cutNow)));

    expect(messages.map(textOf).join('')).toBe(Array.from({ length: 60 }, (_, index) => `${index + 1}\n`).join(''));
    expect(await lastValueFrom(from(messages).pipe(countDelivery()))).toEqual({ received: messages.length, lost: 0, doubled: 0 });
    expect((await Promise.all(cuts)).map(({ status }) => status)).toEqual(cuts.map(() => 204));
    expect(reconnects).toBeGreaterThanOrEqual(2);
  });

  it('stops a program whose client no longer wants it', async () => {
    await start();
    const wire = open();
    const program = keepRunning(wire);
    const pid = await program.pid;
    const stopped = firstValueFrom(wire.pipe(ofType('execution.error')));
    program.stop();
    expect((await stopped).payload.error.code).toBe('ERR_STOPPED');
    await eventually(() => !isAlive(pid));
  });

  it('stops the programs of a client that says goodbye', async () => {
    await start();
    const wire = open();
    const pid = await keepRunning(wire).pid;
    expect(isAlive(pid)).toBe(true);
    wire.complete();
    await eventually(() => !isAlive(pid));
  });

  it('stops all programs when the server closes', async () => {
    await start();
    const pid = await keepRunning(open()).pid;
    await server.close();
    await eventually(() => !isAlive(pid));
  });

  it('tells a client whose server has been restarted that its program is gone', async () => {
    await start();
    const { messages$, pid } = keepRunning(open());
    await pid;
    await server.close();
    await start({ port: Number(new URL(server.url).port) });
    await expect(all(messages$)).rejects.toMatchObject({ code: 'ERR_SESSION_LOST' });
  });

  it('tells a client that its program could not be sent', async () => {
    await start();
    const wire = open();
    await expect(all(execute(wire, ' '.repeat(2_000_000), 'box'))).rejects.toMatchObject({ code: 'ERR_FRAME_TOO_LARGE' });
    expect((await all(execute(wire, 'console.log(1)', 'box'))).map(textOf)).toEqual(['1\n', '']);
  });

  it('runs a few at once, lets some wait, and refuses the rest', async () => {
    await start({ concurrency: 1, maxWaiting: 1 });
    const wire = open();
    const first = keepRunning(wire);
    await first.pid;
    const second = all(execute(wire, 'console.log("second")', 'box'));
    expect(endOf(await all(execute(wire, 'console.log("third")', 'box')))).toBe('ERR_BUSY');
    first.stop();
    expect((await second).map(textOf)).toEqual(['second\n', '']);
  });

  it.each([
    ['null', null],
    ['text', 'console.log(1)'],
    ['no code', { executionId: 'e', sandboxId: 's' }],
    ['code that is no text', { executionId: 'e', sandboxId: 's', data: 1 }],
    ['no id', { sandboxId: 's', data: '' }],
    ['an id of any size', { executionId: 'e'.repeat(129), sandboxId: 's', data: '' }],
    ['too large a program', { executionId: 'e', sandboxId: 's', data: ' '.repeat(262_145) }],
  ])('answers a start with %s by an error, and goes on', async (_, payload) => {
    await start();
    const wire = open();
    const start$ = createMessage('execution.start', payload as never);
    const answer = firstValueFrom(wire.pipe(ofType('execution.error')));
    wire.next(start$);
    expect(await answer).toMatchObject({ correlationId: start$.id, payload: { error: { code: 'ERR_BAD_REQUEST' } } });
    expect((await all(execute(wire, 'console.log(1)', 'box'))).map(textOf)).toEqual(['1\n', '']);
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
    expect((await upgrade(rebound)).status).toBe(403);
    expect((await upgrade({ host: `localhost:${port}`, origin: `http://localhost:${port}` })).status).toBe(101);
  });

  it('refuses pages of another origin', async () => {
    await start();
    expect((await upgrade({ origin: 'http://evil.example' })).status).toBe(403);
    expect((await upgrade({ origin: 'null' })).status).toBe(403);
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
