import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { connect as openSocket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { jest } from '@jest/globals';
import { filter, firstValueFrom, map } from 'rxjs';
import { WebSocket } from 'ws';
import { gzipped } from '../../lib/codec/gzipped.js';
import { json } from '../../lib/codec/json.js';
import { msgpack } from '../../lib/codec/msgpack.js';
import type { Frame } from '../../lib/io/link.js';
import { longPolling } from '../../lib/io/longPolling.js';
import { serverSentEvents } from '../../lib/io/serverSentEvents.js';
import { webSocket } from '../../lib/io/webSocket.js';
import { createMessage } from '../../lib/message/createMessage.js';
import { hub } from '../../lib/server/hub/hub.js';
import type { ListenOptions } from '../../lib/server/listen.js';
import type { Principal } from '../../lib/server/principal.js';
import { batchFrame } from '../support/protocol/frames.js';
import { connect } from '../../lib/wire/connect.js';
import { around, filled, forbidden } from '../codec/hostileMsgpack.js';
import { rawClient } from '../support/peer.js';
import { record } from '../support/record.js';
import { batch, helloFrame, secret } from '../support/sessionFrames.js';
import { tcpProxy } from '../support/tcpProxy.js';
import { dial, enter, transports, type Transport } from './hostileEnd.js';
import { EVENTS, linkName, rawLink, textUntil } from './http/rawHttpLink.js';
import { serve } from '../support/recordingServer.js';

jest.setTimeout(20_000);

// The names are those of docs/tested.md. That nothing is thrown or rejected where nobody sees it needs no test of its own: jest fails on it.
let served: Awaited<ReturnType<typeof serve>>;
const start = async (options?: ListenOptions<Principal | undefined>) => (served = await serve(options));
afterEach(() => served.close());

const requests: readonly Transport[] = ['sse', 'long-polling'];
const json1 = (fields: object): string =>
  JSON.stringify({ id: 'a', type: 'test.any', timestamp: 0, version: '1.0', source: '', payload: null, ...fields });
/** The ids of what was delivered, and the codes of what was reported, of the first wire. */
const seen = async () => {
  const { messages, errors } = await served.wire();
  return { ids: messages.values.map(({ id }) => id), codes: errors.values.map(({ code }) => code) };
};
/** A client that sends this batch, which cannot be read: what the server makes of it. */
async function unreadable(transport: Transport, options: ListenOptions, codec: string, body: Frame) {
  const { url, wire } = await start(options);
  const { send, code } = await enter(transport, url, { codecs: [codec] });
  send(batchFrame(1, 1, body), batchFrame(2, 1, json1({ id: 'late' })));
  const ended = await code;
  const { errors, wire: served1 } = await wire();
  await errors.take(2);
  return { ended, ...(await seen()), counted: served1.state.metrics.errors };
}
const GONE = { ended: 4410, ids: [], codes: ['ERR_DECODE', 'ERR_CONNECTION_LOST'], counted: 2 };

describe('frame or body too large; decompression bomb; bad CRC; truncated; trailing bytes', () => {
  it.each(transports)('%s: a frame above the limit closes with 1009', async (transport) => {
    const { url, wire } = await start({ maxFrame: 1_000 });
    const { send, code } = await enter(transport, url);
    send(batch(1, 'a'.repeat(1_000)));
    expect(await code).toBe(1009);
    expect(await (await wire()).errors.take(1)).toMatchObject([{ code: 'ERR_CONNECTION_LOST' }]);
    expect(await seen()).toMatchObject({ ids: [] });
  });

  it.each(transports)('%s: a first frame above the limit is refused, and reported', async (transport) => {
    const { url, count, refused$ } = await start({ maxFrame: 1_000 });
    const refusal = firstValueFrom(refused$, { defaultValue: undefined });
    const { code } = await dial(transport, url, helloFrame({ token: 'x'.repeat(1_000) }));
    expect(await code).toBe(1009);
    if (transport === 'websocket') expect(await refusal).toMatchObject({ code: 'ERR_CONNECTION_LOST' });
    expect(count()).toBe(0);
  });

  it('a body that does not say how much it will be gets 413 at the limit, and its socket is closed', async () => {
    const { port, count } = await start({ maxFrame: 1_000 });
    const socket = openSocket(port, '127.0.0.1').on('error', () => undefined);
    socket.write(`POST /wire HTTP/1.1\r\nHost: x\r\nrxwire-link: ${linkName()}\r\nrxwire-number: 1\r\nTransfer-Encoding: chunked\r\n\r\n`);
    for (let sent = 0; sent < 5; sent++) socket.write(`${(65_536).toString(16)}\r\n${'x'.repeat(65_536)}\r\n`);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(String(answer)).toMatch(/^HTTP\/1.1 413 /);
    await once(socket.resume(), 'close');
    expect(count()).toBe(0);
  });

  it.each(requests)('%s: a body that is cut delivers nothing, also of the frames that are whole', async (transport) => {
    const { url, port } = await start();
    const link = rawLink(url);
    await link.post(1, [helloFrame()], transport === 'sse' ? EVENTS : undefined);
    await link.post(2, ['["ack",0,1024]']);
    const whole = Buffer.from(batch(1, 'a'));
    const body = Buffer.concat([Buffer.of(0, 0, 0, 0, whole.length), whole, Buffer.of(0, 0, 0, 1, 0), Buffer.from('["msg"')]);
    const { wire } = served;
    expect((await link.request('POST', { 'rxwire-number': '3' }, body)).status).toBe(400);
    const socket = openSocket(port, '127.0.0.1').on('error', () => undefined);
    socket.write(`POST /wire HTTP/1.1\r\nHost: x\r\nrxwire-link: ${link.name}\r\nrxwire-number: 4\r\nContent-Length: 999\r\n\r\n`);
    socket.end(body);
    await once(socket.resume(), 'close');
    await (await wire()).errors.take(1);
    expect(await seen()).toEqual({ ids: [], codes: ['ERR_CONNECTION_LOST'] });
  });

  const good = gzipSync(json1({ id: 'good' }));
  const changed = (at: number): Buffer => Buffer.from(good.map((byte, index) => (index === good.length + at ? byte ^ 1 : byte)));
  const bomb = gzipSync(Buffer.alloc(16 * 1024 * 1024));
  const lying = Buffer.from(bomb);
  lying.writeUInt32LE(100, lying.length - 4);
  const broken: Readonly<Record<string, Uint8Array>> = {
    'a decompression bomb': bomb,
    'a decompression bomb that lies about its size': lying,
    'a bad CRC': changed(-8),
    'a wrong size': changed(-4),
    'a truncated frame': good.subarray(0, -1),
    'trailing bytes': Buffer.concat([good, Buffer.of(0)]),
  };
  describe.each(transports)('%s', (transport) => {
    it.each(Object.entries(broken))('%s is refused and counted, and nothing delivered', async (_, body) => {
      expect(await unreadable(transport, { codecs: [gzipped(json())] }, 'json+gzip', body)).toEqual(GONE);
    });
  });
});

describe('nesting > 32, too many nodes, unknown extension types, records, cycles, RegExp or Error objects in MessagePack', () => {
  const hostile = { ...forbidden, '200,000 nodes': () => filled([0x90], 200_000), 'bytes after the end': () => around(0xc0, 0xc0) };
  describe.each(transports)('%s', (transport) => {
    it.each(Object.entries(hostile))('%s is a decode error', async (_, make) => {
      expect(await unreadable(transport, { codecs: [msgpack()] }, 'msgpack', make())).toEqual(GONE);
    });
  });
});

describe('__proto__, constructor, toString as type, header or channel', () => {
  const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty'];
  describe.each(transports)('%s', (transport) => {
    it('are names like any other', async () => {
      const { url, wire } = await start();
      const { send } = await enter(transport, url);
      names.forEach((name, index) => {
        const text = json1({ id: name, type: name, target: name });
        send(`["msg",${index + 1},1,${text.replace(/}$/, `,"headers":{"${name}":"x"}}`)}]`);
      });
      const received = await (await wire()).messages.take(names.length);
      expect(received.map(({ id, type, target }) => [id, type, target])).toEqual(names.map((name) => [name, name, name]));
      expect(received.map(({ headers }) => [Object.getPrototypeOf(headers) as unknown, Object.keys(headers!)])).toEqual(
        names.map((name) => [null, [name]]),
      );
      expect(Object.prototype).not.toHaveProperty('x');
    });

    it('name channels like any other', async () => {
      const { url, wire } = await start();
      const { send, frames } = await enter(transport, url);
      hub().serve((await wire()).wire);
      names.forEach((channel, index) =>
        send(`["msg",${index + 1},1,${json1({ id: channel, type: 'channel.join', payload: { channel, join: index + 1 } })}]`),
      );
      for (let count = 2; !names.every((name) => frames.values.join().includes(`{"channel":"${name}"`)); count++) await frames.take(count);
      expect(frames.values.join()).not.toContain('channel.refused');
    });

    it.each([
      ['a type of 257 characters', { type: 'x'.repeat(257) }],
      ['a type with a control character', { type: 'a\u0007' }],
      ['a version that is a number', { version: 1 }],
      ['33 headers', { headers: Object.fromEntries(Array.from({ length: 33 }, (_, index) => [`h${index}`, ''])) }],
      ['a header above 8 KiB', { headers: { h: 'x'.repeat(8_192) } }],
      ['headers above 16 KiB', { headers: { a: 'x'.repeat(8_000), b: 'x'.repeat(8_000), c: 'x'.repeat(8_000) } }],
      ['metadata above 16 KiB', { metadata: { a: 'x'.repeat(8_000), b: 'x'.repeat(8_000), c: 'x'.repeat(8_000) } }],
      ['a header with a line break in its name', { headers: { 'a\n': '' } }],
    ])('%s: refused', async (_, fields) => {
      const { ended, ids, codes } = await unreadable(transport, {}, 'json', json1(fields));
      expect([ended, ids, codes]).toEqual([4410, [], ['ERR_INVALID_MESSAGE', 'ERR_CONNECTION_LOST']]);
    });
  });
});

describe('CR, LF, NUL in SSE fields', () => {
  it('of what the server sends travel as base64, and make no event', async () => {
    const evil = '\r\n\r\nevent: end\ndata: {"code":1000,"reason":""}\n\n\0';
    const codec = { ...json(), encode: () => evil };
    const { url, wire } = await start({ codecs: [codec] });
    const link = rawLink(url);
    const stream = await link.post(1, [helloFrame()], EVENTS);
    await link.post(2, ['["ack",0,1024]']);
    (await wire()).wire.next(createMessage('test.any', null));
    const text = await textUntil(stream, 'event: text');
    expect(text).not.toContain('event: end');
    expect(text.split('\n').every((line) => /^(data: .*|event: text|:|)$/.test(line))).toBe(true);
  });

  it('of what a client says why it leaves are refused as a header, and harmless when they are decoded', async () => {
    const { url, wire } = await start();
    const link = rawLink(url);
    const stream = await link.post(1, [helloFrame()], EVENTS);
    await link.post(2, ['["ack",0,1024]']);
    expect((await link.leave(4_000, '%0D%0A%0D%0Adata: x%00')).status).toBe(204);
    expect((await stream.text()).split('\n')).not.toContain('data: x');
    const { errors } = await wire();
    expect(await errors.take(1)).toMatchObject([{ closeCode: 4_000, reason: '\r\n\r\ndata: x\0' }]);
  });
});

describe('ack, credit or sequence that is no safe integer or out of range; stale attachment, epoch, n', () => {
  const bad: readonly (readonly [string, Frame])[] = [
    ['acks what was never sent', '["ack",1,1024]'],
    ['acks half a message', '["ack",0.5,1024]'],
    ['acks less than nothing', '["ack",-1,1024]'],
    ['acks 2^53', '["ack",9007199254740992,1024]'],
    ['acks a text', '["ack","0",1024]'],
    ['acks an object that has a value', '["ack",{"valueOf":0},1024]'],
    ['gives no credit', '["ack",0]'],
    ['gives a credit below nothing', '["ack",0,-1]'],
    ['gives a credit past all numbers', '["ack",0,1e300]'],
    ['asks with a number that is none', '["ping",null]'],
    ['skips what is far beyond the window', '["skip",[1025]]'],
    ['skips 2^53', '["skip",[9007199254740992]]'],
    ['sends a batch of none', '["msg",1,0,[]]'],
    ['sends a batch of too many', '["msg",1,257,[]]'],
    ['sends a batch past all numbers', '["msg",4503599627370497,1,{}]'],
  ];
  describe.each(transports)('%s', (transport) => {
    it.each(bad)('%s: closed with 4400, and nothing of it is delivered', async (_, frame) => {
      const { url, wire } = await start();
      const { send, code } = await enter(transport, url);
      send(frame, batch(1, 'late'));
      expect(await code).toBe(4400);
      expect(await (await wire()).messages.ended).toBe('complete');
      expect(await seen()).toEqual({ ids: [], codes: ['ERR_PROTOCOL', 'ERR_CONNECTION_LOST'] });
    });

    it.each([
      ['numbers that leave some out', batch(2, 'b')],
      ['a ping for more than has come', '["ping",1]'],
    ])('%s: closed with 4410', async (_, frame) => {
      const { url } = await start();
      const { send, code } = await enter(transport, url);
      send(frame);
      expect(await code).toBe(4410);
      expect(await seen()).toMatchObject({ ids: [] });
    });

    it.each([
      ['an older epoch', { epoch: 1, n: 9 }],
      ['an n that was there before', { epoch: 2, n: 3 }],
      ['a lower n', { epoch: 2, n: 2 }],
    ])('%s: closed with 4409, and the present connection continues', async (_, fields) => {
      const { url, wire } = await start();
      const pid = secret();
      const client = await enter(transport, url, { pid, epoch: 2, n: 3 });
      const { sid, rt } = client.welcome;
      const stale = await dial(transport, url, helloFrame({ pid, sid, rt, rx: 0, ...fields }));
      expect(await stale.code).toBe(4409);
      client.send(batch(1, 'a'));
      expect(await (await wire()).messages.take(1)).toMatchObject([{ id: 'a' }]);
    });

    it('what a connection says that another has taken over from: dropped, and closed with 4409', async () => {
      const { url, wire, count } = await start();
      const pid = secret();
      const older = await enter(transport, url, { pid });
      const { sid, rt } = older.welcome;
      const newer = await enter(transport, url, { pid, n: 2, sid, rt, rx: 0 });
      older.send(batch(1, 'stale'));
      expect(await older.code).toBe(4409);
      newer.send(batch(1, 'fresh'));
      expect(await (await wire()).messages.take(1)).toMatchObject([{ id: 'fresh' }]);
      expect(count()).toBe(1);
    });
  });
});

describe('missing or foreign Origin in a browser upgrade', () => {
  /** What becomes of a handshake: its status, or `open`. */
  const status = (url: string, headers: Readonly<Record<string, string>>): Promise<unknown> =>
    new Promise((resolve) => {
      const socket = new WebSocket(url, { headers });
      socket.on('open', () => {
        resolve('open');
        socket.terminate();
      });
      socket.on('error', ({ message }) => resolve(Number(message.replace('Unexpected server response: ', ''))));
    });
  const foreign = ['https://evil.example', 'https://app.example.evil.example', 'http://app.example', 'http://127.0.0.1', 'null', '/', '*'];

  it.each(foreign)('from %j: 403 before the upgrade', async (origin) => {
    const { url, count } = await start({ origins: ['https://app.example'] });
    expect(await status(url, { origin })).toBe(403);
    expect(count()).toBe(0);
  });

  it.each([
    ['of a browser that tells none', { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64)' }],
    ['of a page that says from where, and tells none', { 'sec-fetch-site': 'same-origin' }],
  ])('%s: 403', async (_, headers) => {
    const { url } = await start();
    expect(await status(url, headers)).toBe(403);
  });

  it.each(foreign)('requests from %j: 403, and no CORS header', async (origin) => {
    const { url, count } = await start({ origins: ['https://app.example'] });
    const asked = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'rxwire-link' };
    const answers = [
      await fetch(url.replace('ws', 'http'), { method: 'OPTIONS', headers: { origin, ...asked } }),
      await rawLink(url, linkName(), { origin }).post(1, [helloFrame()]),
    ];
    for (const answer of answers) {
      expect(answer.status).toBe(403);
      expect([...answer.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
    }
    expect(count()).toBe(0);
  });

  it('pages of this host and the configured origins may connect; credentials are for a named origin, never for all', async () => {
    const origin = 'https://app.example';
    const { url, port } = await start({ origins: [origin] });
    expect([await status(url, { origin }), await status(url, { origin: `http://127.0.0.1:${port}` })]).toEqual(['open', 'open']);
    const { headers } = await rawLink(url, linkName(), { origin }).post(1, [helloFrame()]);
    expect([headers.get('access-control-allow-origin'), headers.get('access-control-allow-credentials')]).toEqual([origin, 'true']);
  });
});

describe('expired credential', () => {
  const links = { websocket: webSocket, sse: serverSentEvents, 'long-polling': longPolling };
  describe.each(transports)('%s', (transport) => {
    it('is requested again at each reconnect and before it expires; authentication is repeated on resume', async () => {
      const shown: unknown[] = [];
      const { port, wire, count } = await start({
        authenticate({ token }) {
          shown.push(token);
          return { id: 'ada', expiresAt: Date.now() + 1_000 };
        },
      });
      let asked = 0;
      const proxy = await tcpProxy(port);
      const client = connect({
        link: links[transport](`ws://127.0.0.1:${proxy.port}/wire`),
        token: () => String(++asked),
        reconnect: { initialInterval: 1 },
      });
      const states = record(client.state$.pipe(map(({ status }) => status)));
      while (shown.length < 3) await new Promise(setImmediate);
      // All of them over one connection.
      expect([shown.slice(0, 3), [...new Set(states.values)]]).toEqual([
        ['1', '2', '3'],
        ['connecting', 'connected'],
      ]);
      proxy.cut();
      await firstValueFrom(client.state$.pipe(filter(({ status }) => status === 'reconnecting')));
      const before = shown.length;
      await firstValueFrom(client.state$.pipe(filter(({ status }) => status === 'connected')));
      expect(shown.length).toBeGreaterThan(before);
      expect(new Set(shown).size).toBe(shown.length);
      expect([count(), (await wire()).wire]).toMatchObject([1, { principal: { id: 'ada' } }]);
      client.unsubscribe();
      await proxy.close();
    });

    it('that is not replaced closes with 4419, and one that is worth nothing with 4401', async () => {
      const { url } = await start({
        authenticate: ({ token }) => (token === 'good' ? { id: 'ada', expiresAt: Date.now() + 250 } : undefined),
      });
      expect(await (await enter(transport, url, { token: 'good' })).code).toBe(4419);
      const late = await dial(transport, url, helloFrame({ token: 'old' }));
      expect(await late.code).toBe(4401);
    });
  });
});

describe('guessed or stolen session id', () => {
  const authenticate = ({ token = '' }: { readonly token?: string }): Principal | undefined => (token ? { id: token } : undefined);
  describe.each(transports)('%s', (transport) => {
    it('is useless without its token and the same principal: 4403, and its owner continues', async () => {
      const { url, wire, count } = await start({ authenticate });
      const pid = secret();
      const owner = await enter(transport, url, { pid, token: 'ada' });
      const { sid, rt } = owner.welcome;
      const thieves = [
        { sid, rt: secret(), token: 'ada' },
        {
          sid,
          rt: Array.from(rt as string)
            .reverse()
            .join(''),
          token: 'ada',
        },
        { sid, rt, token: 'eve' },
        { token: 'ada' },
      ];
      for (const fields of thieves) {
        const thief = await dial(transport, url, helloFrame({ pid, n: 2, rx: 0, ...fields }));
        expect([await thief.code, thief.frames.values]).toEqual([4403, []]);
      }
      owner.send(batch(1, 'a'));
      expect(await (await wire()).messages.take(1)).toMatchObject([{ id: 'a' }]);
      expect(count()).toBe(1);
    });

    it('is never in an address: nor is the token', async () => {
      const { url, server, wire } = await start({ authenticate });
      const urls: unknown[] = [];
      const see = ({ url: asked }: IncomingMessage): void => void urls.push(asked);
      server.on('upgrade', see);
      const emit = server.emit.bind(server) as (...args: unknown[]) => boolean;
      server.emit = (name: string, ...args: unknown[]) => {
        if (name === 'request') see(args[0] as IncomingMessage);
        return emit(name, ...args);
      };
      const links = { websocket: webSocket, sse: serverSentEvents, 'long-polling': longPolling };
      const client = connect({ link: links[transport](url), token: () => 'ada' });
      await client.send(createMessage('test.any', null));
      await (await wire()).messages.take(1);
      client.unsubscribe();
      expect([...new Set(urls)]).toEqual(['/wire']);
    });
  });

  it.each(requests)('%s: the name of a link is as good as none to another principal', async (transport) => {
    const { url } = await start({
      authenticate: ({ request: { headers } }) => (headers.authorization ? { id: headers.authorization } : undefined),
    });
    const mine = rawLink(url, undefined, { authorization: 'ann' });
    await mine.post(1, [helloFrame()], transport === 'sse' ? EVENTS : undefined);
    const others = rawLink(url, mine.name, { authorization: 'eve' });
    expect([(await others.post(2)).status, (await others.poll(1)).status, (await others.leave()).status]).toEqual([404, 404, 404]);
    const nobody = rawLink(url, mine.name);
    expect([(await nobody.post(2)).status, (await nobody.poll(1)).status, (await nobody.leave()).status]).toEqual([401, 401, 401]);
    expect((await mine.post(2, ['["ack",0,1024]'])).status).toBe(204);
  });
});

describe('session flood, message flood, stalled reader', () => {
  it.each(transports)('%s: connections above the limit receive 503 with retry-after, until another one closes', async (transport) => {
    const { url } = await start({ maxConnections: 2 });
    const [first] = [await enter(transport, url), await enter(transport, url)];
    expect(await (await dial(transport, url, helloFrame())).code).toBe(transport === 'websocket' ? 1006 : 1013);
    const answer = await rawLink(url).post(1, [helloFrame()]);
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5']);
    first.close();
    await first.code;
    await enter(transport, url);
  });

  it.each(transports)('%s: 50 clients that connect and leave keep no more sessions than maxDetached', async (transport) => {
    const { url, wire } = await start({ maxDetached: 3 });
    for (let index = 0; index < 50; index++) {
      const { close, code } = await enter(transport, url);
      close(4000);
      await code;
      await firstValueFrom((await wire(index)).wire.state$.pipe(filter(({ status }) => status === 'reconnecting')));
    }
    const live = await Promise.all(Array.from({ length: 50 }, async (_, index) => (await wire(index)).wire.state.status));
    expect(live.filter((status) => status === 'reconnecting')).toHaveLength(3);
    expect(new Set(live)).toEqual(new Set(['reconnecting', 'disconnected']));
  });

  it.each(transports)('%s: the acks of a flooding client are delayed; other clients are served in the meantime', async (transport) => {
    const limit = { perSecond: 100, burst: 20 };
    const { url, wire } = await start({ rateLimit: limit, authenticate: ({ token = '' }) => ({ id: token }) });
    const link = { websocket: webSocket, sse: serverSentEvents, 'long-polling': longPolling }[transport](url);
    const flooding = connect({ link, token: () => 'mallory' });
    const begun = performance.now();
    for (let index = 0; index < 1_000; index++) flooding.next(createMessage('test.any', index));
    const { messages, wire: served1 } = await wire();
    const good = connect({ link: webSocket(url), token: () => 'ada' });
    for (let index = 0; index < 15; index++) await good.send(createMessage('test.any', index));
    await messages.take(25);
    const allowed = limit.burst + (limit.perSecond * (performance.now() - begun)) / 1_000;
    expect(messages.values.length).toBeLessThanOrEqual(allowed);
    expect([flooding.state.status, flooding.state.metrics.errors, served1.state.metrics.errors]).toEqual(['connected', 0, 0]);
    flooding.unsubscribe();
    good.unsubscribe();
  });

  it.each(transports)('%s: a client that does not wait is closed: 4400 with numbers, 4429 without', async (transport) => {
    const { url } = await start({ rateLimit: { perSecond: 1, burst: 20 } });
    const numbered = await enter(transport, url);
    for (let index = 1; index <= 30; index++) numbered.send(batch(index, String(index)));
    expect(await numbered.code).toBe(4400);
    const unnumbered = await enter(transport, url);
    for (let index = 1; index <= 30; index++) unnumbered.send(batch(0, String(index)));
    expect(await unnumbered.code).toBe(4429);
  });

  it('a WebSocket that does not read is ended once more waits than may, without waiting for it', async () => {
    const { url, wire } = await start({ maxBuffered: 100_000, stallTimeout: 1, windowBytes: 1024 * 1024 });
    const client = await rawClient(url);
    client.socket.send(helloFrame({ bytes: 2 ** 40, window: 2 ** 40 }));
    await client.frames(1);
    client.socket.send('["ack",0,1048576]');
    client.socket.pause();
    const { wire: mine, errors } = await wire();
    while (errors.values.length === 0) {
      mine.next(createMessage('test.any', 'x'.repeat(500_000)));
      await new Promise(setImmediate);
    }
    expect(errors.values).toMatchObject([{ code: 'ERR_CONNECTION_LOST', closeCode: 4413 }]);
  });
});
