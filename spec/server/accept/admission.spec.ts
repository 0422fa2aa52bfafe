import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect as openSocket, createServer as createProxy, type AddressInfo } from 'node:net';
import { connect as openTls } from 'node:tls';
import { config, firstValueFrom, VirtualTimeScheduler } from 'rxjs';
import { WebSocket, type ClientOptions } from 'ws';
import { json } from '../../../lib/codec/json.js';
import { msgpack } from '../../../lib/codec/msgpack.js';
import { ConnectionLostError, DecodeError, InvalidMessageError, UnsupportedError } from '../../../lib/message/errors.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import { listen, type ListenOptions } from '../../../lib/server/listen.js';
import { rawClient } from '../../support/peer.js';
import { frame, got, hello, message, secret, serve } from '../../support/recordingServer.js';

describe('listen', () => {
  let served: Awaited<ReturnType<typeof serve>> | undefined;
  const start = async (options?: ListenOptions) => (served = await serve(options));
  afterEach(() => served?.close());

  describe('a first frame', () => {
    it('with a hello is welcomed by a wire', async () => {
      const { url, wire } = await start();
      const client = await rawClient(url);
      client.socket.send(frame(hello(secret())));
      const [welcome] = json().decode((await client.frames(1))[0]!);
      expect(welcome).toMatchObject({ type: 'system.welcome', payload: { resumed: false }, source: (await wire()).wire.id });
      expect((await wire()).wire.state).toMatchObject({ status: 'connected', protocol: 'websocket', endpoint: '/wire' });
    });

    it('decides on the codec', async () => {
      const { url, wire } = await start();
      const client = await rawClient(url);
      client.socket.send(msgpack().encode([hello(secret())]));
      expect(msgpack().decode((await client.frames(1))[0]!)).toMatchObject([{ type: 'system.welcome' }]);
      client.socket.send(msgpack().encode([message('a')]));
      expect(await (await wire()).messages.take(1)).toMatchObject([{ id: 'a' }]);
    });

    it('decides on the delivery', async () => {
      const { url, wire } = await start();
      const client = await rawClient(url);
      client.socket.send(frame(hello(secret(), { delivery: 'at-most-once' })));
      expect((await wire()).wire.delivery).toBe('at-most-once');
    });

    it('that does not arrive in time closes the connection: 4408', async () => {
      const { url, refused } = await start({ handshakeTimeout: 30 });
      const client = await rawClient(url);
      expect(await client.ended).toEqual({ code: 4408, reason: 'no hello arrived in time' });
      expect(refused).toEqual([new ConnectionLostError(4408, 'no hello arrived in time')]);
    });

    it.each([Infinity, 2 ** 31])('may take %d ms', async (handshakeTimeout) => {
      const { url, refused } = await start({ handshakeTimeout });
      const client = await rawClient(url);
      await new Promise((resolve) => setTimeout(resolve, 20));
      client.socket.send(frame(hello(secret())));
      expect(await got(client, 1)).toEqual(['system.welcome']);
      expect(refused).toEqual([]);
    });

    it.each<[string, string | Uint8Array, unknown]>([
      ['garbage', 'garbage', expect.any(DecodeError)],
      ['binary garbage', new Uint8Array([0xc1, 0xff]), expect.any(DecodeError)],
      ['nothing', '', expect.any(DecodeError)],
      ['no message', '{}', expect.any(InvalidMessageError)],
      ['no session', frame(createMessage('system.hello', {} as never)), expect.any(UnsupportedError)],
      ['no payload', frame(createMessage('system.hello', null as never)), expect.any(UnsupportedError)],
      ['a session that can be guessed', frame(hello('x'.repeat(21))), expect.any(UnsupportedError)],
      ['a session that is too long', frame(hello('x'.repeat(257))), expect.any(UnsupportedError)],
      ['a delivery that does not exist', frame(hello(secret(), { delivery: 'exactly-once' as never })), expect.any(UnsupportedError)],
    ])('of %s costs the connection: 4400', async (_, first, error) => {
      const { url, refused, count } = await start();
      const client = await rawClient(url);
      client.socket.send(first);
      expect(await client.ended).toEqual({ code: 4400, reason: 'no hello that this server understands' });
      expect(refused).toEqual([error]);
      expect(count()).toBe(0);
    });

    it('of a codec that the server does not have costs the connection: 4400', async () => {
      const { url, refused } = await start({ codecs: [msgpack()] });
      const client = await rawClient(url);
      client.socket.send(frame(hello(secret())));
      expect(await client.ended).toMatchObject({ code: 4400 });
      expect(refused).toEqual([new UnsupportedError('the server has no codec for text frames')]);
    });

    it('that never arrives, because the client leaves, is reported and leaves no timer behind', async () => {
      const scheduler = new VirtualTimeScheduler();
      const { url, refused$ } = await start({ scheduler });
      // But that of the turn of the event loop.
      const timers = (): readonly unknown[] => scheduler.actions.filter(({ delay }) => delay > 0);
      const client = await rawClient(url);
      expect(timers()).toHaveLength(1);
      const refusal = firstValueFrom(refused$);
      client.socket.terminate();
      expect(await refusal).toMatchObject({ code: 'ERR_CONNECTION_LOST', closeCode: 1006 });
      expect(timers()).toHaveLength(0);
    });
  });

  describe('an upgrade', () => {
    /** What becomes of a handshake: its status, or `open`. */
    const status = (url: string, options: ClientOptions = {}): Promise<unknown> =>
      new Promise((resolve) => {
        const socket = new WebSocket(url, options);
        socket.on('open', () => {
          resolve('open');
          socket.terminate();
        });
        socket.on('error', ({ message: text }) => resolve(text.replace('Unexpected server response: ', '')));
      });

    /** Once the server has seen that somebody has left, there is room again. */
    const opens = async (url: string, options?: ClientOptions): Promise<void> => {
      while ((await status(url, options)) !== 'open');
    };
    /** What a handshake that is refused is told. */
    const headersOf = (url: string): Promise<unknown> =>
      new Promise((resolve) => new WebSocket(url).on('unexpected-response', (_, response) => resolve(response.headers)));

    it('is accepted from clients other than browsers, from pages of this host, and from configured origins', async () => {
      const { url, port } = await start({ origins: ['https://app.example'] });
      expect(await status(url)).toBe('open');
      expect(await status(url, { origin: `http://127.0.0.1:${port}` })).toBe('open');
      expect(await status(url, { origin: 'https://app.example' })).toBe('open');
    });

    it('is refused when it was sent to another name, as of a page whose name was made to point here: 403', async () => {
      const { url, port } = await start({ hosts: [`127.0.0.1:0`, 'app.example', 'LocalHost'] });
      expect(await status(url, { headers: { host: 'app.example' } })).toBe('open');
      expect(await status(url, { headers: { host: 'app.example:8080' } })).toBe('open');
      expect(await status(url, { headers: { host: `localhost:${port}` } })).toBe('open');
      const evil = `evil.example:${port}`;
      expect(await status(url, { headers: { host: evil }, origin: `http://${evil}` })).toBe('403');
      expect(await status(url)).toBe('403');
    });

    it('that is refused with 403 is reported, with the missing origin or host', async () => {
      const { url, port, refused } = await start({ origins: ['https://app.example'], hosts: ['127.0.0.1'] });
      await status(url, { origin: 'http://localhost:4200' });
      await status(url, { headers: { host: 'evil.example' } });
      await status(url, { headers: { 'user-agent': 'Mozilla/5.0' } });
      await fetch(`http://127.0.0.1:${port}/wire`, { headers: { origin: 'x'.repeat(1_000), 'rxwire-link': 'a' } });
      expect(refused.map(({ name, text }) => `${name}: ${text}`)).toEqual([
        'RxwireError [ERR_UNAUTHORIZED]: the server rejected this client (4403): the origin http://localhost:4200 is not among "origins"',
        'RxwireError [ERR_UNAUTHORIZED]: the server rejected this client (4403): the host evil.example is not among "hosts"',
        'RxwireError [ERR_UNAUTHORIZED]: the server rejected this client (4403): the request has no origin header',
        `RxwireError [ERR_UNAUTHORIZED]: the server rejected this client (4403): the origin ${'x'.repeat(100)} is not among "origins"`,
      ]);
    });

    describe('of a page that may not connect, without `onRefused`', () => {
      const { emitWarning } = process;
      const warned: unknown[] = [];
      const cleanups: (() => unknown)[] = [];
      beforeEach(() => {
        warned.length = 0;
        process.emitWarning = (warning: unknown) => void warned.push(warning);
      });
      afterEach(() => {
        process.emitWarning = emitWarning;
        cleanups.splice(0).forEach((cleanup) => cleanup());
      });
      async function quietServer(options: ListenOptions = {}): Promise<string> {
        const server = createServer().listen(0, '127.0.0.1');
        await once(server, 'listening');
        const served = listen(server, options).subscribe();
        cleanups.push(() => (served.unsubscribe(), server.close()));
        return `ws://127.0.0.1:${(server.address() as AddressInfo).port}/wire`;
      }
      const sentence = (reason: string): string =>
        `the server rejected this client (4403): ${reason} (see rxwire/docs/errors.md#err_unauthorized)`;

      it('is a warning, once for each origin', async () => {
        const url = await quietServer({ hosts: ['127.0.0.1'] });
        for (const origin of ['http://localhost:4200', 'http://localhost:5173', 'http://localhost:4200'])
          expect(await status(url, { origin })).toBe('403');
        for (const host of ['evil.example', 'evil.example']) expect(await status(url, { headers: { host } })).toBe('403');
        expect(warned).toEqual([
          sentence('the origin http://localhost:4200 is not among "origins"'),
          sentence('the origin http://localhost:5173 is not among "origins"'),
          sentence('the host evil.example is not among "hosts"'),
        ]);
      });

      it('is a warning of a bounded length, of which a terminal shows all characters', async () => {
        const url = (await quietServer()).replace('ws:', 'http:');
        for (const end of ['1', '2']) {
          const origin = `\u009b2J${'x'.repeat(1_000)}${end}`;
          expect((await fetch(url, { headers: { origin, 'rxwire-link': 'a' } })).status).toBe(403);
        }
        expect(warned).toEqual([sentence(`the origin \\u009b2J${'x'.repeat(97)} is not among "origins"`)]);
      });

      it('is a warning for the first 100 origins', async () => {
        const url = (await quietServer({ connectionRate: false })).replace('ws:', 'http:');
        for (let port = 1; port <= 102; port++) await fetch(url, { headers: { origin: `http://localhost:${port}`, 'rxwire-link': 'a' } });
        expect(warned).toHaveLength(100);
      });

      it('does not reach `onUnhandledError`, which may end the process: any page can cause a refusal', async () => {
        const uncaught: unknown[] = [];
        config.onUnhandledError = (error) => void uncaught.push(error);
        cleanups.push(() => (config.onUnhandledError = null));
        expect(await status(await quietServer(), { origin: 'http://localhost:4200' })).toBe('403');
        expect([uncaught.length, warned.length]).toEqual([0, 1]);
      });

      it('is no warning if there is an `onRefused`', async () => {
        const refused: unknown[] = [];
        const url = await quietServer({ onRefused: ({ code }) => refused.push(code) });
        expect(await status(url, { origin: 'http://localhost:4200' })).toBe('403');
        expect([refused, warned]).toEqual([['ERR_UNAUTHORIZED'], []]);
      });
    });

    it('above maxConnections is refused with 503 and Retry-After, until another one closes', async () => {
      const { url } = await start({ maxConnections: 2 });
      const [first] = [await rawClient(url), await rawClient(url)];
      expect(await status(url)).toBe('503');
      expect(await headersOf(url)).toMatchObject({ 'retry-after': '5', connection: 'close' });
      first.socket.close();
      await first.ended;
      expect(await status(url)).toBe('open');
    });

    it('above maxPerAddress is refused with 503, where the address may be that of a proxy header', async () => {
      const { url } = await start({ maxPerAddress: 1, trustProxy: 1 });
      const from = (ip: string) => ({ headers: { 'x-forwarded-for': ip } });
      const first = await rawClient(url, from('192.0.2.1'));
      expect(await status(url, from('192.0.2.1'))).toBe('503');
      expect(await status(url, from('192.0.2.2'))).toBe('open');
      first.socket.close();
      await opens(url, from('192.0.2.1'));
    });

    it('that becomes no WebSocket takes no place', async () => {
      const { url, port } = await start({ maxConnections: 1 });
      expect((await fetch(`http://127.0.0.1:${port}/wire`)).status).toBe(404);
      const socket = openSocket({ port, host: '127.0.0.1' });
      socket.write('GET /wire HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
      await once(socket.resume(), 'close');
      await opens(url);
    });

    it('is for its path, whatever the query', async () => {
      const { url } = await start();
      expect(await status(`${url}?token=1`)).toBe('open');
      for (const other of [`${url}/`, `${url}d`, url.replace('/wire', '/'), url.replace('/wire', '/WIRE')]) {
        expect(await status(other)).toBe('404');
      }
    });

    it('to another path is left to other listeners', async () => {
      const { url, server } = await start();
      server.on('upgrade', (request, socket) => {
        if (request.url === '/other') socket.end('HTTP/1.1 418 Teapot\r\n\r\n');
      });
      expect(await status(url.replace('wire', 'other'))).toBe('418');
      expect(await status(url)).toBe('open');
    });

    it('to another path is refused when all listeners serve wires', async () => {
      const { url, server } = await start();
      const second = listen(server, { path: '/second' }).subscribe();
      expect(await status(url)).toBe('open');
      expect(await status(url.replace('wire', 'second'))).toBe('open');
      expect(await status(url.replace('wire', 'third'))).toBe('404');
      second.unsubscribe();
      expect(await status(url.replace('wire', 'second'))).toBe('404');
    });

    it('to one path has one listener at a time', async () => {
      const { url, server } = await start();
      const errors: unknown[] = [];
      listen(server, { path: '/wire' }).subscribe({ error: (error: unknown) => errors.push(error) });
      const sentence = 'listen: the path "/wire" of this server is already served: subscribe once, or use another "path" for each listen()';
      expect(errors).toEqual([new TypeError(sentence)]);
      expect(await status(url)).toBe('open');

      const wires$ = listen(server, { path: '/second' });
      for (let times = 0; times < 2; times++) {
        const second = wires$.subscribe();
        expect(await status(url.replace('wire', 'second'))).toBe('open');
        second.unsubscribe();
      }
    });

    it.each([
      ['to another path', 'GET /other HTTP/1.1', 404],
      ['that is none', 'GET /wire HTTP/1.1', 400],
      ['with another method', 'POST /wire HTTP/1.1', 405],
    ])('%s closes the connection, even if the client does not close it', async (_, line, expected) => {
      const { port, empty } = await start();
      const socket = openSocket({ port, host: '127.0.0.1', allowHalfOpen: true });
      socket.on('error', () => undefined);
      socket.write(`${line}\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`);
      const [answer] = (await once(socket, 'data')) as [Buffer];
      expect(answer.toString()).toContain(`HTTP/1.1 ${expected}`);
      await empty();
      socket.destroy();
    });

    it('over TLS is refused by a whole answer: the end of TLS follows it', async () => {
      const psk = Buffer.alloc(32, 1);
      const tls = { ciphers: 'PSK', maxVersion: 'TLSv1.2' } as const;
      const server = createTlsServer({ ...tls, pskCallback: () => psk });
      const served = listen(server).subscribe();
      const bytes: Buffer[] = [];
      const proxy = createProxy((near) => {
        const far = openSocket((server.address() as AddressInfo).port, '127.0.0.1');
        far.on('data', (part: Buffer) => bytes.push(part));
        near.pipe(far).pipe(near);
      });
      for (const each of [server, proxy]) await once(each.listen(0, '127.0.0.1'), 'listening');
      const { port } = proxy.address() as AddressInfo;
      const checkServerIdentity = () => undefined;
      const client = openTls({ ...tls, port, host: '127.0.0.1', pskCallback: () => ({ psk, identity: 'x' }), checkServerIdentity });
      client.write('GET /other HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
      const [answer] = (await once(client, 'data')) as [Buffer];
      expect(answer.toString()).toContain('HTTP/1.1 404');
      await once(client, 'close');
      const types: unknown[] = [];
      const all = Buffer.concat(bytes);
      for (let at = 0; at < all.length; at += 5 + all.readUInt16BE(at + 3)) types.push(all[at]);
      // The records of the answer, and of the alert `close_notify`.
      expect(types.slice(-2)).toEqual([23, 21]);
      served.unsubscribe();
      server.close();
      proxy.close();
    });
  });

  it('leaves the HTTP server to others', async () => {
    const { port, server, stop } = await start();
    expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(404);
    stop();
    expect(server.listenerCount('upgrade')).toBe(0);
    expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(404);
  });

  it.each([
    { handshakeTimeout: 0 },
    { detachedTimeout: NaN },
    { maxDetached: -1 },
    { maxDetachedPerPrincipal: -1 },
    { maxPerPrincipal: 0 },
    { maxAuthenticating: 0 },
    { maxConnections: NaN },
    { maxPerAddress: 0 },
    { maxFrame: 0 },
    { maxBuffered: -1 },
    { window: 0 },
    { windowBytes: 1.5 },
    { pingInterval: Infinity },
    { ackTimeout: 0 },
    { drainTimeout: -1 },
  ])('refuses %p when called', (options) => {
    expect(() => listen(createServer(), options)).toThrow(RangeError);
  });

  it.each<[ListenOptions, string]>([
    [{ origins: ['*'] }, '"origins" must each be like https://app.example, without a path or *, got *'],
    [{ origins: ['localhost:4200'] }, '"origins" must each be like https://app.example, without a path or *, got localhost:4200'],
    [
      { origins: ['http://localhost:4200/'] },
      '"origins" must each be like https://app.example, without a path or *, got http://localhost:4200/',
    ],
    [{ path: 'wire' }, '"path" must start with /, got wire'],
  ])('refuses %p when called, as it would never match', (options, reason) => {
    expect(() => listen(createServer(), options)).toThrow(new TypeError(`listen: ${reason}`));
  });

  it.each([4870, undefined, Object.assign(() => undefined, { on: () => undefined, listen: () => undefined })])(
    'refuses %p for a server when called',
    (server) => {
      expect(() => listen(server as never)).toThrow(
        new TypeError('listen: "server" must be an HTTP server, as createServer(app) or app.listen() returns it'),
      );
    },
  );

  it('takes origins of pages that are not of the web', () => {
    expect(() => listen(createServer(), { origins: ['capacitor://localhost', 'null', 'http://[::1]:8080'] })).not.toThrow();
  });
});
