import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { jest } from '@jest/globals';
import { build } from 'esbuild';
import { NEVER, Observable, of, Subject, VirtualTimeScheduler } from 'rxjs';
import { WebSocket } from 'ws';
import { ConnectionLostError, NoWebSocketError, UnsupportedError } from '../../lib/message/errors.js';
import { platformWebSocket } from '../../lib/io/browserWebSocket.js';
import { webSocket } from '../../lib/io/webSocket.js';
import { fakeWebSocket } from '../support/fakeSocket.js';
import { freePort } from '../support/freePort.js';
import { socketServer } from '../support/peer.js';
import { record } from '../support/record.js';
import { tcpProxy } from '../support/tcpProxy.js';

describe('webSocket', () => {
  let server: Awaited<ReturnType<typeof socketServer>>;
  beforeEach(async () => void (server = await socketServer()));
  afterEach(() => server.close());

  it('opens when it is subscribed, and once for each subscription', async () => {
    const link = webSocket(server.url);
    const received$ = link(of('hello'));
    expect(server.server.clients.size).toBe(0);
    const [first, second] = [record(received$), record(received$)];
    expect(await Promise.all([first.ended, second.ended])).toEqual(['complete', 'complete']);
    expect(await (await server.peer(1)).frames(1)).toEqual(['hello']);
  });

  it('subscribes to outgoing only once it is open', async () => {
    const outgoing = new Subject<string>();
    const link = record(webSocket(server.url)(outgoing));
    expect(outgoing.observed).toBe(false);
    const { socket } = await server.peer();
    socket.send('welcome');
    await link.take(1);
    expect(outgoing.observed).toBe(true);
    link.subscription.unsubscribe();
  });

  it('leaves outgoing even if it is left while it subscribes to it', async () => {
    const released = jest.fn();
    const outgoing = new Observable<string>((subscriber) => {
      subscriber.add(released);
      link.unsubscribe();
    });
    const link = webSocket(server.url)(outgoing).subscribe();
    expect(await (await server.peer()).ended).toEqual({ code: 4000, reason: '' });
    expect(released).toHaveBeenCalledTimes(1);
  });

  it('opens nothing when it is unsubscribed at once', async () => {
    record(webSocket(server.url)(NEVER)).subscription.unsubscribe();
    const link = record(webSocket(server.url)(NEVER));
    await server.peer();
    expect(server.server.clients.size).toBe(1);
    link.subscription.unsubscribe();
  });

  it('offers the subprotocols', async () => {
    const link = record(webSocket(server.url, { protocols: ['a', 'b'] })(of()));
    expect((await server.peer()).socket.protocol).toBe('a');
    await link.ended;
  });

  it('describes its protocol and its endpoint', () => {
    const { protocol, endpoint } = webSocket(new URL('wss://example.org/wire'));
    expect({ protocol, endpoint }).toEqual({ protocol: 'websocket', endpoint: 'wss://example.org/wire' });
  });

  it('fails with 1006 when the connection is reset', async () => {
    const proxy = await tcpProxy(server.port);
    const link = record(webSocket(`ws://127.0.0.1:${proxy.port}/`)(NEVER));
    await server.peer();
    proxy.cut();
    expect(await link.ended).toMatchObject({ closeCode: 1006, wasClean: false });
    await proxy.close();
  });

  it.each(['127.0.0.1', 'localhost'])('fails with the cause when %s refuses the connection', async (host) => {
    const error = await record(webSocket(`ws://${host}:${await freePort()}`)(NEVER)).ended;
    expect(error).toBeInstanceOf(ConnectionLostError);
    expect(error).toMatchObject({ closeCode: 1006, wasClean: false, reason: expect.stringContaining('ECONNREFUSED') });
    expect((error as Error).cause).toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('fails when it does not open in time, and leaves nothing behind', async () => {
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const accepted = once(silent, 'connection');
    const { port } = silent.address() as AddressInfo;
    const link = record(webSocket(`ws://127.0.0.1:${port}`, { openTimeout: 50 })(NEVER));
    const [socket] = (await accepted) as [Socket];
    expect(await link.ended).toEqual(new ConnectionLostError(1006, 'the connection timed out'));
    await once(socket.resume(), 'close');
    silent.close();
  });

  it.each(['http://127.0.0.1', '/wire', 'ws://', ''])('refuses the address %p when called', (url) => {
    expect(() => webSocket(url)).toThrow(new TypeError(`webSocket: "url" must start with ws:// or wss://, got ${url}`));
  });

  it.each([{ maxBuffered: 0 }, { stallTimeout: 0 }, { openTimeout: NaN }])('refuses %p when called', (options) => {
    expect(() => webSocket(server.url, options)).toThrow(RangeError);
  });

  it('fails with an UnsupportedError when the class refuses the address', async () => {
    const error = await record(webSocket('ws://127.0.0.1/#fragment')(NEVER)).ended;
    expect(error).toBeInstanceOf(UnsupportedError);
    expect((error as Error).cause).toBeInstanceOf(SyntaxError);
  });

  it('fails with an UnsupportedError for an invalid WebSocket class', async () => {
    const error = await record(webSocket(server.url, { WebSocket: {} as never })(NEVER)).ended;
    expect(error).toBeInstanceOf(UnsupportedError);
    expect(error).toMatchObject({ message: expect.stringContaining('not a constructor') });
  });
});

describe('webSocket, over a fake socket', () => {
  const hello$ = (released: () => void): Observable<string> =>
    new Observable((to) => {
      to.add(released);
      to.next('hello');
      to.next('more');
    });

  it('ignores a socket that opens after openTimeout', async () => {
    const { socket, WebSocket: Fake } = fakeWebSocket();
    const scheduler = new VirtualTimeScheduler();
    const outgoing = new Subject<string>();
    const link = record(webSocket('ws://x', { WebSocket: Fake, scheduler, openTimeout: 10 })(outgoing));
    scheduler.flush();
    expect(await link.ended).toEqual(new ConnectionLostError(1006, 'the connection timed out'));
    expect(socket.closings).toEqual([[4000, '']]);
    socket.onopen!({});
    expect([outgoing.observed, link.values]).toEqual([false, []]);
  });

  it('emits and sends nothing after it was unsubscribed within a frame', () => {
    const { socket, WebSocket: Fake } = fakeWebSocket();
    const outgoing = new Subject<string>();
    const received: unknown[] = [];
    const link = webSocket('ws://x', { WebSocket: Fake })(outgoing).subscribe((frame) => {
      received.push(frame);
      link.unsubscribe();
      outgoing.next('late');
    });
    socket.onopen!({});
    for (const data of ['a', 'b']) socket.onmessage!({ data });
    expect([received, socket.sent, socket.closings, outgoing.observed]).toEqual([['a'], [], [[4000, '']], false]);
  });

  it('sends nothing more after it was unsubscribed while it sends', () => {
    const { socket, WebSocket: Fake } = fakeWebSocket();
    const released = jest.fn();
    socket.send = (frame) => {
      socket.sent.push(frame);
      link.subscription.unsubscribe();
    };
    const link = record(webSocket('ws://x', { WebSocket: Fake })(hello$(released)));
    socket.onopen!({});
    expect([socket.sent, socket.closings]).toEqual([['hello'], [[4000, '']]]);
    expect(released).toHaveBeenCalledTimes(1);
  });

  it('gives no frame to a socket that closes: a browser would write an error to its console', () => {
    const { socket, WebSocket: Fake } = fakeWebSocket();
    const outgoing = new Subject<string>();
    const link = webSocket('ws://x', { WebSocket: Fake })(outgoing).subscribe();
    socket.onopen!({});
    outgoing.next('open');
    socket.readyState = 2;
    outgoing.next('closing');
    expect(socket.sent).toEqual(['open']);
    link.unsubscribe();
  });

  it('fails with the code of a peer that closes while the link sends', async () => {
    const { socket, WebSocket: Fake } = fakeWebSocket();
    const released = jest.fn();
    socket.send = (frame) => {
      socket.sent.push(frame);
      socket.onclose!({ code: 4403, reason: 'no', wasClean: true });
    };
    const link = record(webSocket('ws://x', { WebSocket: Fake })(hello$(released)));
    socket.onopen!({});
    expect(await link.ended).toEqual(new ConnectionLostError(4403, 'no'));
    expect(socket.sent).toEqual(['hello']);
    expect(released).toHaveBeenCalledTimes(1);
  });
});

describe('platformWebSocket of Node', () => {
  it('can be bundled where ws is not installed, as for rendering on a server', async () => {
    const contents = await readFile('lib/io/nodeWebSocket.ts', 'utf8');
    const stdin = { contents, loader: 'ts', resolveDir: tmpdir() } as const;
    const bundled = await build({
      stdin,
      bundle: true,
      platform: 'node',
      write: false,
      external: ['rxjs', '../message/errors.js'],
      logLevel: 'silent',
    });
    expect([bundled.errors, bundled.outputFiles[0]?.text]).toEqual([[], expect.stringContaining('import("ws")')]);
  });
});

describe('platformWebSocket of a browser', () => {
  afterEach(() => void Reflect.deleteProperty(globalThis, 'WebSocket'));

  it('is the global WebSocket', () => {
    Object.assign(globalThis, { WebSocket });
    expect(platformWebSocket()).toBe(WebSocket);
  });

  it('fails with a NoWebSocketError where there is none', () => {
    expect(platformWebSocket).toThrow(NoWebSocketError);
  });
});
