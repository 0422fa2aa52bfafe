import { once } from 'node:events';
import type { Socket } from 'node:net';
import { jest } from '@jest/globals';
import { firstValueFrom, NEVER, ReplaySubject } from 'rxjs';
import { ConnectionLostError } from '../../../lib/message/errors.js';
import { connect } from '../../../lib/wire/connect.js';
import { envelopeProtocol } from '../../../lib/wire/envelope/envelopeProtocol.js';
import { webSocket } from '../../../lib/io/webSocket.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import type { ListenOptions } from '../../../lib/server/listen.js';
import type { Principal } from '../../../lib/server/principal.js';
import { batch, helloFrame } from '../../support/sessionFrames.js';
import { record } from '../../support/record.js';
import { tcpProxy } from '../../support/tcpProxy.js';
import { wireServer } from '../../support/wireServer.js';
import type { Wire } from '../../../lib/wire/wire.js';
import { Opcode, over, webSocketAttacker, webSocketFrame, welcomeAttacker } from '../../support/attacker.js';
import { dial, enter } from '../hostileEnd.js';
import { ack, frame, hello, message, secret, serve } from '../../support/recordingServer.js';

jest.setTimeout(20_000);

/** Messages in each direction. */
const COUNT = 4_000;

let served: Awaited<ReturnType<typeof serve>> | undefined;
const start = async (options?: ListenOptions<Principal | undefined>) => (served = await serve(options));
afterEach(() => served?.close());

/** Somebody else, who sends and waits for each ack, until it is told to stop. */
async function neighbour(url: string) {
  const wire = connect({ link: webSocket(url) });
  const state = { count: 0, isOver: false };
  const ask = (): Promise<unknown> =>
    wire.send(createMessage('test.any', 0)).then(
      () => state.count++,
      () => (state.isOver = true),
    );
  await ask();
  const asking = (async () => {
    while (!state.isOver) await ask();
  })();
  return {
    stop: async () => {
      state.isOver = true;
      await asking;
      const { errors } = wire.state.metrics;
      wire.unsubscribe();
      return { count: state.count, errors };
    },
  };
}

const text = (frame: string): Uint8Array => webSocketFrame(frame);
const some = (numbers: number, from: number): string => `["skip",[${Array.from({ length: numbers }, (_, index) => from + index).join()}]]`;

describe('pings, acks of nothing new, repeats, pings and pongs of WebSockets, as fast as they go', () => {
  const floods: readonly (readonly [what: string, piece: Uint8Array])[] = [
    ['pings', text('["ping",0]')],
    ['acks of nothing new', text('["ack",0,1024]')],
    ['acks that change their mind', Buffer.concat([text('["ack",0,1024]'), text('["ack",0,1023]')])],
    ['skips of what was there', text(`["skip",[${Array(256).fill(1).join()}]]`)],
    ['skips of what was skipped', text(some(256, 3))],
    ['batches that were there', text(batch(1, 'a'))],
    ['pings of WebSockets', webSocketFrame('', Opcode.PING)],
    ['pongs that nobody has asked for', webSocketFrame('x'.repeat(125), Opcode.PONG)],
  ];

  it.each(floods)('%s: closed with 4429, and others are served meanwhile', async (_, piece) => {
    const { url, port, wire } = await start();
    const good = await neighbour(url);
    const bad = await welcomeAttacker(port);
    // One of each ping has to be answered before the next, for ws not to end it sooner.
    const isPing = piece[0] === 128 + Opcode.PING;
    bad.socket.write(text(batch(1, 'a')));
    await bad.until('"ack",1,');
    const flood = isPing ? piece : over(65_536, piece);
    void bad.flood(() => flood);
    expect(await bad.code).toBe(4429);
    expect((await (await wire(1)).errors.take(1))[0]).toMatchObject({ closeCode: 4429 });
    const { count, errors } = await good.stop();
    expect(count).toBeGreaterThan(0);
    expect(errors).toBe(0);
    bad.socket.destroy();
  });
});

describe('an envelope client', () => {
  it.each([
    ['acks of what was never sent', frame(ack('nothing'))],
    ['one hello after the other', frame(hello(secret()))],
    ['a message that was there', frame(message('a'))],
  ])('%s: closed with 4429, and the wire waits for a client with a session', async (_, again) => {
    const { port, wire } = await start();
    const bad = await webSocketAttacker(port, frame(hello(secret())), frame(message('a')));
    const piece = over(65_536, text(again));
    void bad.flood(() => piece);
    expect(await bad.code).toBe(4429);
    const { errors, messages, wire: waiting } = await wire();
    expect(await errors.take(1)).toMatchObject([{ closeCode: 4429 }]);
    expect([messages.values.map(({ id }) => id), waiting.state.status]).toEqual([['a'], 'reconnecting']);
    bad.socket.destroy();
  });

  it('and keeps to that, a message at a time in both directions: is never hit', async () => {
    const { url, wire } = await start({ maxIdleFrames: 1, maxQueued: COUNT });
    const client = connect({ link: webSocket(url), protocol: envelopeProtocol, maxQueued: COUNT });
    const [theirs, errors] = [record(client), record(client.errors$)];
    client.next(createMessage('test.any', 'first'));
    const mine = await wire();
    for (let count = 1; count <= 2_000; count++) {
      client.next(createMessage('test.any', count));
      mine.wire.next(createMessage('test.any', count));
      await new Promise(setImmediate);
    }
    await Promise.all([theirs.take(2_000), mine.messages.take(2_001)]);
    expect([errors.values, mine.errors.values]).toEqual([[], []]);
    client.complete();
    await mine.messages.ended;
  });
});

describe('a client that does not read the responses', () => {
  it.each([
    ['pings', '["ping",0]'],
    ['fresh tokens', '["auth","x"]'],
  ])('%s: closed with 4429, and little waits for it', async (_, frame) => {
    const { port, server, wire } = await start({ authenticate: () => ({ id: 'mallory' }) });
    const sockets: Socket[] = [];
    server.on('connection', (socket) => sockets.push(socket));
    const bad = await welcomeAttacker(port);
    bad.socket.pause();
    // As small as they can be, so that much is to wait before the kernel takes no more.
    const piece = over(65_536, text(frame));
    void bad.flood(() => piece);
    const { errors } = await wire();
    let most = 0;
    while (errors.values.length === 0) {
      most = Math.max(most, ...sockets.map(({ writableLength }) => writableLength));
      await new Promise(setImmediate);
    }
    expect(errors.values).toMatchObject([{ closeCode: 4429 }]);
    expect(most).toBeLessThan(1_000_000);
    bad.socket.destroy();
  });
});

describe('a client that sends one token after the other', () => {
  it('is authenticated no more often, and closed with 4429', async () => {
    let asked = 0;
    const { port } = await start({ authenticate: () => ({ id: `mallory${0 * asked++}` }) });
    const bad = await welcomeAttacker(port);
    const piece = over(65_536, text('["auth","x"]'));
    void bad.flood(() => piece);
    expect(await bad.code).toBe(4429);
    expect(asked).toBeGreaterThan(50);
    expect(asked).toBeLessThan(150);
    bad.socket.destroy();
  });
});

describe('a client that is not authenticated yet', () => {
  it('sends empty frames meanwhile, and knows only envelopes: closed with 1013', async () => {
    const { port } = await start({ authenticate: () => NEVER, handshakeTimeout: 1_000_000 });
    const bad = await webSocketAttacker(port, '{}');
    const piece = over(65_536, text(''));
    void bad.flood(() => piece);
    expect(await bad.code).toBe(1013);
    bad.socket.destroy();
  });

  it.each([
    ['a hello that is larger than any', { any: 'x'.repeat(65_536) }],
    ['the name of a codec that is longer than any', { codecs: ['json', 'x'.repeat(129)] }],
  ])('sends %s: closed with 4400', async (_, fields) => {
    const { url, count } = await start();
    expect(await (await dial('websocket', url, helloFrame(fields))).code).toBe(4400);
    expect(count()).toBe(0);
  });

  it('says all that it may: welcome', async () => {
    const { url } = await start();
    const most = {
      token: '\u0001'.repeat(8_192),
      codecs: ['json', ...Array.from({ length: 15 }, () => '€'.repeat(128))],
      id: 'x'.repeat(128),
    };
    const { welcome } = await enter('websocket', url, most);
    expect(welcome).toMatchObject({ codec: 'json' });
  });

  it.each([
    ['empty', ''],
    ['of one byte', 'x'],
  ])('sends a message in fragments that are %s: closed with 1008', async (_, fragment) => {
    const { port } = await start();
    const bad = await webSocketAttacker(port);
    bad.socket.write(webSocketFrame('x', Opcode.TEXT, 0));
    const piece = over(65_536, webSocketFrame(fragment, Opcode.MORE, 0));
    void bad.flood(() => piece);
    expect(await bad.code).toBe(1008);
    bad.socket.destroy();
  });

  it('continues after it was closed: its frames are not read, and its socket ends', async () => {
    const { port, server } = await start();
    const [[socket], bad] = await Promise.all([once(server, 'connection') as Promise<[Socket]>, webSocketAttacker(port, '["hello",{}]')]);
    const piece = over(65_536, text(''));
    void bad.flood(() => piece);
    expect(await bad.code).toBe(4400);
    await once(socket, 'close');
    // What the kernel had taken by then, and no more.
    expect(bad.socket.bytesWritten - socket.bytesRead).toBeGreaterThan(0);
    expect(socket.bytesRead).toBeLessThan(2_000_000);
  });
});

describe('a client that follows the protocol', () => {
  it('at-most-once, before the first subscriber: is never closed, and dropped messages are reported', async () => {
    const wires$ = new ReplaySubject<Wire>();
    const { url, close } = await wireServer((one) => wires$.next(one), { maxIdleFrames: 1, pingInterval: 1_000_000 });
    const client = connect({ link: webSocket(url), delivery: 'at-most-once' });
    const wire = await firstValueFrom(wires$);
    const errors = record(wire.errors$);
    for (let count = 0; count < 5_000; count++) {
      client.next(createMessage('test.any', count));
      if (count % 10 === 0) await new Promise(setImmediate);
    }
    const last = createMessage('test.any', 'last', { delivery: 'at-least-once' });
    const sent = client.send(last);
    // Some of the messages have arrived.
    await errors.take(1);
    const seen = record(wire);
    await sent;
    expect(seen.values.at(-1)).toMatchObject({ id: last.id });
    expect(new Set(errors.values.map(({ code }) => code))).toEqual(new Set(['ERR_OVERFLOW']));
    client.unsubscribe();
    await close();
  });

  it.each([
    ['a message at a time', 1],
    ['many at once', 2_000],
  ])('%s, in both directions, through reconnecting: is never hit', async (_, atOnce) => {
    // The first look is at 256 frames: a limit that is lower than those would be no other.
    const { port, wire } = await start({ maxIdleFrames: 1, pingInterval: 1_000_000, maxQueued: COUNT });
    const proxy = await tcpProxy(port);
    const client = connect({ link: webSocket(`ws://127.0.0.1:${proxy.port}/wire`), reconnect: { initialInterval: 1 }, maxQueued: COUNT });
    const [theirs, errors] = [record(client), record(client.errors$)];
    await client.send(createMessage('test.any', 'first'));
    const mine = await wire();
    for (let count = 1; count <= COUNT; count++) {
      client.next(createMessage('test.any', count));
      mine.wire.next(createMessage('test.any', count));
      if (count % atOnce === 0) await new Promise(setImmediate);
      if (count % (COUNT / 4) === 0) proxy.cut();
    }
    await Promise.all([theirs.take(COUNT), mine.messages.take(COUNT + 1)]);
    const codes = [...errors.values, ...mine.errors.values].map((error) =>
      error instanceof ConnectionLostError ? error.closeCode : error.code,
    );
    expect(new Set(codes)).toEqual(new Set([1006]));
    client.unsubscribe();
    await proxy.close();
  });
});
