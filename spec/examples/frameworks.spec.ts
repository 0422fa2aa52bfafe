import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { filter, firstValueFrom, Subject } from 'rxjs';
import { connect, createMessage, longPolling, request, serverSentEvents, webSocket, type Wire } from 'rxwire';
import { WebSocket, WebSocketServer } from 'ws';
import { startServer as startExpress } from '../../docs/examples/express/server.js';
import { startServer as startFastify } from '../../docs/examples/fastify/server.js';
import { startServer as startNest } from '../../docs/examples/nest/server.js';

interface Running {
  readonly server: Server;
  stop(): Promise<unknown>;
}

interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

const frameworks: Readonly<Record<string, () => Promise<Running>>> = {
  async express() {
    const shutdown$ = new Subject<void>();
    const server = await startExpress({ port: 0, shutdown$, grace: 50 });
    const stop = (): Promise<unknown> => {
      const closed = once(server, 'close');
      shutdown$.next();
      return closed;
    };
    return { server, stop };
  },
  async fastify() {
    const app = await startFastify({ port: 0, grace: 50 });
    return { server: app.server, stop: () => app.close() };
  },
  async nest() {
    const app = await startNest({ port: 0 });
    return { server: app.getHttpServer() as Server, stop: () => app.close() };
  },
};

/** With a cookie, as a browser sends it by itself. */
const transports = {
  websocket: (url: string, cookie: string) => {
    const WithCookie = function (address: string) {
      return new WebSocket(address, { headers: { cookie } });
    } as never;
    return webSocket(url, { WebSocket: WithCookie });
  },
  sse: (url: string, cookie: string) => serverSentEvents(url, { headers: { cookie } }),
  'long-polling': (url: string, cookie: string) => longPolling(url, { headers: { cookie } }),
} as const;

describe.each(Object.entries(frameworks))('the example with %s', (_, start) => {
  let running: Running;
  let host: string;
  beforeEach(async () => {
    running = await start();
    host = `127.0.0.1:${(running.server.address() as AddressInfo).port}`;
  });
  const wires: Wire[] = [];
  afterEach(async () => {
    for (const wire of wires.splice(0)) wire.unsubscribe();
    if (running.server.listening) await running.stop();
  });

  const ask = (path: string, { headers, ...init }: Asked = {}): Promise<Response> =>
    fetch(`http://${host}${path}`, { ...init, headers: { connection: 'close', ...headers } });
  const logIn = async (name: unknown): Promise<Response> =>
    ask('/login', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ name }) });
  const cookieOf = async (name: string): Promise<string> => (await logIn(name)).headers.get('set-cookie')?.split(';')[0] ?? '';
  const open = (transport: keyof typeof transports, cookie: string): Wire => {
    const wire = connect({ link: transports[transport](`ws://${host}/wire`, cookie) });
    wire.errors$.subscribe();
    wires.push(wire);
    return wire;
  };
  const whoIs = (wire: Wire): Promise<unknown> =>
    firstValueFrom(request(wire, createMessage('app.who', null))).then((answer) => (answer as { payload?: unknown }).payload ?? answer);

  describe.each(Object.keys(transports) as (keyof typeof transports)[])('over %s', (transport) => {
    it('identifies the user of a wire by the cookie of the routes, which still respond', async () => {
      const cookie = await cookieOf('ada');
      expect(await whoIs(open(transport, cookie))).toBe('ada');
      const me = await ask('/me', { headers: { cookie } });
      expect([me.status, await me.json()]).toEqual([200, { name: 'ada' }]);
      expect((await ask('/me')).status).toBe(401);
      expect((await ask('/nowhere')).status).toBe(404);
    });

    it('refuses a client that is not logged in', async () => {
      const wire = open(transport, 'session=of-somebody-else');
      const { error } = await firstValueFrom(wire.state$.pipe(filter(({ status }) => status === 'error')));
      expect(error).toMatchObject({ code: 'ERR_UNAUTHORIZED', closeCode: 4401 });
    });

    it('says goodbye to its wires when it stops', async () => {
      const wire = open(transport, await cookieOf('ada'));
      expect(await whoIs(wire)).toBe('ada');
      const left = firstValueFrom(wire.state$.pipe(filter(({ status }) => status === 'reconnecting')));
      await running.stop();
      await left;
      expect(running.server.listening).toBe(false);
    });
  });

  it('refuses a login without a name', async () => {
    expect((await logIn(undefined)).status).toBe(400);
  });

  it('leaves upgrades of other paths to other listeners, and refuses those without a listener', async () => {
    const refused = new WebSocket(`ws://${host}/other`);
    expect(((await once(refused, 'error')) as [Error])[0].message).toBe('Unexpected server response: 404');
    const others = new WebSocketServer({ noServer: true });
    running.server.on('upgrade', (upgrade, socket, head) => {
      if (upgrade.url === '/other') others.handleUpgrade(upgrade, socket, head, (accepted) => accepted.send('not a wire'));
    });
    const taken = new WebSocket(`ws://${host}/other`);
    const [data] = (await once(taken, 'message')) as [Buffer];
    expect(data.toString()).toBe('not a wire');
    expect(await whoIs(open('websocket', await cookieOf('ada')))).toBe('ada');
    taken.terminate();
  });
});
