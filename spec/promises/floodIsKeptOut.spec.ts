import { once } from 'node:events';
import { connect as openSocket } from 'node:net';
import { promisify } from 'node:util';
import { asyncScheduler, type SchedulerLike } from 'rxjs';
import { WebSocket, type ClientOptions } from 'ws';
import { OverflowError } from '../../lib/message/errors.js';
import { listen, type ListenOptions } from '../../lib/server/listen.js';
import { createConnectionLimiter } from '../../lib/server/limits/connectionRate.js';
import { RECORDS, rawLink } from '../server/http/rawHttpLink.js';
import { attacker } from '../support/attacker.js';
import { eventually } from '../support/eventually.js';
import { rawClient } from '../support/peer.js';
import { serve } from '../support/recordingServer.js';
import { helloFrame } from '../support/sessionFrames.js';

let served: Awaited<ReturnType<typeof serve>>;
/** Timers are real, and `haste` times as quick as they should be; the clock is what `pass` makes of it. */
let time = 0;
let haste = 1;
const scheduler: SchedulerLike = {
  now: () => time,
  schedule: (work, delay = 0, state) => asyncScheduler.schedule(work as never, delay / haste, state),
};
const start = async (options: ListenOptions = {}) => {
  return (served = await serve({ scheduler, connectionRate: { perSecond: 2, burst: 3 }, ...options }));
};
afterEach(async () => {
  haste = 1;
  await served.close();
});

/** Lets time pass for the server. */
const pass = (ms: number): void => void (time += ms);

/** The response to a request for a WebSocket: `open`, the status and its header `Retry-After`, or the code of the error of the socket. */
async function opening(url: string, options: ClientOptions = {}): Promise<string> {
  const socket = new WebSocket(url, options);
  const open = once(socket, 'open').then(() => 'open');
  const refused = once(socket, 'unexpected-response').then(([request, response]) => {
    const { statusCode, headers } = response as { readonly statusCode: number; readonly headers: Record<string, string> };
    (request as { destroy(): void }).destroy();
    return `${statusCode} ${headers['retry-after']}`;
  });
  const failed = new Promise<string>((resolve) => socket.on('error', (error) => resolve(String((error as { code?: string }).code))));
  const result = await Promise.race([open, refused.catch(() => failed), failed]);
  if (result === 'open') socket.terminate();
  return result;
}

const openings = async (count: number, url: string, options: ClientOptions = {}): Promise<readonly string[]> => {
  const results: string[] = [];
  while (results.length < count) results.push(await opening(url, options));
  return results;
};

describe('an address that opens connections faster than connectionRate', () => {
  it('gets 429 with Retry-After before the upgrade, and other addresses do not', async () => {
    const { url, refused, count } = await start();
    expect(await openings(5, url)).toEqual(['open', 'open', 'open', '429 1', '429 1']);
    expect(await opening(url, { localAddress: '127.0.0.2' })).toBe('open');
    const overflows = (): readonly unknown[] => refused.filter((error) => error instanceof OverflowError);
    expect([overflows(), count()]).toEqual([[new OverflowError('new connections of 127.0.0.1 a second', 2)], 0]);
    pass(1_200);
    expect(await openings(3, url)).toEqual(['open', 'open', '429 1']);
    expect(overflows()).toHaveLength(2);
  });

  it('is limited by default: 100 at once', async () => {
    const { url } = await serve({}).then((started) => (served = started));
    const results = await Promise.all(Array.from({ length: 150 }, () => opening(url)));
    const open = results.filter((result) => result === 'open').length;
    expect(open).toBeGreaterThanOrEqual(100);
    expect(open).toBeLessThan(150);
  });

  it('has no limit with connectionRate: false', async () => {
    const { url } = await start({ connectionRate: false });
    expect(new Set(await Promise.all(Array.from({ length: 150 }, () => opening(url))))).toEqual(new Set(['open']));
  });

  it('gets 429 for a POST before the server reads its body', async () => {
    const { url, port, count } = await start();
    await openings(3, url);
    const bad = await attacker(port);
    const fields = ['host: x', `rxwire-link: ${'a'.repeat(43)}`, 'rxwire-number: 1', `accept: ${RECORDS}`, 'content-length: 1000'];
    bad.socket.write(`POST /wire HTTP/1.1\r\n${fields.join('\r\n')}\r\n\r\n`);
    await bad.until('HTTP/1.1 429');
    expect(bad.heard()).toMatch(/retry-after: 1/i);
    await once(bad.socket, 'close');
    expect(count()).toBe(0);
  });

  it('continues over its open connections: polls and POSTs are not counted', async () => {
    const { url, wire } = await start();
    const link = rawLink(url);
    expect((await link.post(1, [helloFrame()])).status).toBe(200);
    await openings(3, url);
    expect(await opening(url)).toMatch('429');
    for (let number = 2; number < 12; number++) expect((await link.post(number, ['["ack",0,1024]'])).status).toBe(204);
    expect((await wire()).errors.values).toEqual([]);
  });

  it('keeps an open WebSocket, also while its further connections are closed', async () => {
    const { url, wire } = await start();
    const client = await rawClient(url);
    client.socket.send(helloFrame());
    await client.frames(1);
    haste = 10;
    while ((await opening(url)) !== 'ECONNRESET');
    client.socket.send('["ack",0,1024]');
    await client.frames(2);
    expect((await wire()).wire.state.status).toBe('connected');
  });
});

describe('an address that continues although it is refused', () => {
  it('gets into debt: its connections are closed unread, until it has stopped for a while', async () => {
    const { url } = await start();
    haste = 10;
    const results = await openings(28, url);
    expect(results.slice(0, 4)).toEqual(['open', 'open', 'open', '429 1']);
    expect(results.at(-1)).toBe('ECONNRESET');
    pass(500);
    expect(await opening(url)).not.toBe('open');
    expect(await opening(url, { localAddress: '127.0.0.2' })).toBe('open');
    pass(1_500);
    expect(await openings(3, url)).toEqual(['open', 'open', expect.stringMatching('429')]);
  });

  it('is held for a second or two, with 64 connections at most: others are closed at once', async () => {
    const { url, port, server } = await start();
    haste = 10;
    while ((await opening(url)) !== 'ECONNRESET');
    // There is time enough for 70 connections before the first is closed.
    haste = 2;
    const closed: number[] = [];
    for (let index = 0; index < 70; index++) {
      const socket = openSocket(port, '127.0.0.1').on('error', () => undefined);
      const ended = new Promise((resolve) => socket.on('close', resolve)).then(() => closed.push(index));
      await (index < 64 ? once(socket, 'connect') : ended);
    }
    expect(closed).toEqual([64, 65, 66, 67, 68, 69]);
    const connections = promisify(server.getConnections.bind(server));
    await eventually(() => expect(closed).toHaveLength(70));
    expect(await connections()).toBe(0);
  });

  it('never has a debt greater than its burst', () => {
    const limiter = createConnectionLimiter({ perSecond: 20, burst: 100 }, scheduler);
    for (let count = 0; count < 100_000; count++) if (!limiter.isBlocked('192.0.2.1')) limiter.take('192.0.2.1');
    expect(limiter.isBlocked('192.0.2.1')).toBe(true);
    pass(5_100);
    expect(limiter.take('192.0.2.1')).toBe(0);
  });

  it('does not keep out clients that share its address and retry slowly', () => {
    const limiter = createConnectionLimiter({ perSecond: 20, burst: 100 }, scheduler);
    // 400 clients, each of which tries each four seconds.
    let waiting = 400;
    for (let tick = 0; tick < 600; tick++) {
      for (let tries = Math.ceil(waiting / 40); tries > 0; tries--) if (limiter.take('192.0.2.1') === 0) waiting--;
      pass(100);
    }
    expect(waiting).toBe(0);
  });

  it('is one of 10,000 that the server knows: the state of the oldest is dropped', () => {
    const limiter = createConnectionLimiter({ perSecond: 1, burst: 1 }, scheduler);
    limiter.take('first');
    expect(limiter.take('first')).toBeGreaterThan(0);
    for (let index = 1; index < 10_000; index++) limiter.take(`address ${index}`);
    expect(limiter.take('first')).toBeGreaterThan(0);
    for (let index = 0; index < 10_000; index++) limiter.take(`other ${index}`);
    expect(limiter.take('first')).toBe(0);
  });
});

describe('the address of a client behind proxies', () => {
  const from = (list: string): ClientOptions => ({ headers: { 'x-forwarded-for': list } });

  it('is read from the end of X-Forwarded-For with trustProxy, where a client cannot write', async () => {
    const { url } = await start({ trustProxy: 1 });
    await openings(3, url, from('203.0.113.9, 192.0.2.1'));
    expect(await opening(url, from('203.0.113.8, 192.0.2.1'))).toMatch('429');
    expect(await opening(url, from('192.0.2.1, 192.0.2.2'))).toBe('open');
  });

  it.each([
    ['the second from the end, behind two proxies', '192.0.2.1, 198.51.100.1', '192.0.2.1, 198.51.100.2'],
    ['the whole /64 of an IPv6 address', '2001:db8:1:2:3::4, 198.51.100.1', '2001:DB8:1:2::9, 198.51.100.1'],
    ['an IPv4 address that is written as IPv6', '192.0.2.1, 198.51.100.1', '::ffff:192.0.2.1, 198.51.100.1'],
    ['the same with a port', '192.0.2.1:4711, 198.51.100.1', '192.0.2.1:4712, 198.51.100.1'],
    ['the first when there are fewer', '192.0.2.1', '192.0.2.1'],
    ['that of the socket when it is no address', 'unknown, 198.51.100.1', 'localhost, 198.51.100.1'],
  ])('is %s', async (_, one, same) => {
    const { url } = await start({ trustProxy: 2 });
    await openings(3, url, from(one));
    expect(await opening(url, from(same))).toMatch('429');
    expect(await opening(url, from('2001:db8:1:3::1, 198.51.100.1'))).toBe('open');
  });

  it('is the address of the socket without trustProxy: any client can write the header', async () => {
    const { url } = await start();
    await openings(3, url);
    expect(await opening(url, from('192.0.2.7'))).toMatch('429');
  });

  it('must be a whole number of proxies, and a rate above zero', () => {
    const server = { address: () => null } as never;
    expect(() => listen(server, { trustProxy: -1 })).toThrow(new RangeError('listen: "trustProxy" must be a whole number >= 0, got -1'));
    expect(() => listen(server, { connectionRate: { perSecond: 0 } })).toThrow(new RangeError('listen: "perSecond" must be > 0, got 0'));
    expect(() => listen(server, { connectionRate: { burst: 0 } })).toThrow(new RangeError('listen: "burst" must be >= 1, got 0'));
  });
});

describe('an address whose connections are closed as floods', () => {
  it.each(['websocket', 'requests'])('pays for each with a quarter of its burst (%s)', async (protocol) => {
    const { url, wire } = await start({ connectionRate: { perSecond: 1, burst: 8 }, maxIdleFrames: 100, window: 1 });
    const pings = Array.from({ length: 1_000 }, () => '["ping",0]');
    if (protocol === 'websocket') {
      const client = await rawClient(url);
      client.socket.send(helloFrame());
      await client.frames(1);
      for (const frame of ['["ack",0,1024]', ...pings]) client.socket.send(frame);
      expect((await client.ended).code).toBe(4429);
    } else {
      const link = rawLink(url);
      await link.post(1, [helloFrame()]);
      await link.post(2, ['["ack",0,1024]', ...pings]);
      await (await wire()).errors.take(1);
    }
    expect(await openings(6, url)).toEqual([...Array.from({ length: 5 }, () => 'open'), expect.stringMatching('429')]);
  });
});
