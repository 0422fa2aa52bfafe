import { once } from 'node:events';
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { VirtualTimeScheduler } from 'rxjs';
import { listen, type ListenOptions } from '../../../lib/server/listen.js';
import type { Authenticate, Principal } from '../../../lib/server/principal.js';
import { batch, helloFrame } from '../../support/sessionFrames.js';
import { EVENTS, itemsOf, linkName, rawLink, RECORDS, textUntil } from './rawHttpLink.js';
import { eventually } from '../../support/eventually.js';
import { serve } from '../../support/recordingServer.js';

describe('listen, over requests', () => {
  let served: Awaited<ReturnType<typeof serve>>;
  const start = async (options?: ListenOptions) => (served = await serve(options));
  afterEach(() => served.close());

  describe('the first request', () => {
    it('is answered with a stream of events, the welcome first', async () => {
      const { url, wire } = await start();
      const link = rawLink(url);
      const response = await link.post(1, [helloFrame()], EVENTS);
      expect([response.status, response.headers.get('content-type')]).toEqual([200, EVENTS]);
      expect(response.headers.get('cache-control')).toBe('no-store');
      expect(response.headers.get('x-accel-buffering')).toBe('no');
      expect(await textUntil(response, '\n\n')).toMatch(/^data: \["welcome",/);
      await link.post(2, ['["ack",0,1024]']);
      expect((await wire()).wire.state).toMatchObject({ protocol: 'sse', endpoint: '/wire' });
    });

    it('is answered with the welcome, for a polling client', async () => {
      const { url, wire } = await start();
      const link = rawLink(url);
      const response = await link.post(1, [helloFrame()]);
      expect([response.status, response.headers.get('content-type'), response.headers.get('cache-control')]).toEqual([
        200,
        RECORDS,
        'no-store',
      ]);
      expect(await itemsOf(response)).toEqual([expect.stringMatching(/^\["welcome",/)]);
      // The hello was 1.
      expect((await link.post(2, ['["ack",0,1024]'])).status).toBe(204);
      expect((await wire()).wire.state).toMatchObject({ protocol: 'long-polling' });
      expect(await itemsOf(await link.poll(1))).toEqual([expect.stringMatching(/^\["ack",0,/)]);
    });

    it('is done once: a repeat gets 409, and changes nothing; also when the link is over', async () => {
      const { url, count } = await start();
      const link = rawLink(url);
      await link.post(1, [helloFrame()]);
      expect((await link.post(1, [helloFrame()])).status).toBe(409);
      expect((await link.post(2, ['["ack",0,1024]'])).status).toBe(204);
      expect((await link.leave()).status).toBe(204);
      expect((await link.post(1, [helloFrame()])).status).toBe(409);
      expect(count()).toBe(1);
    });

    it.each([
      { accept: 'text/html' },
      { accept: '*/*' },
      { accept: EVENTS, transports: ['websocket', 'long-polling'] as const },
      { accept: RECORDS, transports: ['sse'] as const },
    ])('for an unsupported type gets 406: %j', async ({ accept, transports }) => {
      const { url } = await start(transports && { transports });
      expect((await rawLink(url).post(1, [helloFrame()], accept)).status).toBe(406);
    });

    it('that is refused takes no place', async () => {
      const { url } = await start({ maxConnections: 1 });
      for (let time = 0; time < 3; time++) expect((await rawLink(url).post(1, [helloFrame()], '*/*')).status).toBe(406);
      expect((await rawLink(url).post(1, [helloFrame()])).status).toBe(200);
    });

    it('without a name that is long enough gets 400', async () => {
      const { url, count } = await start();
      for (const name of ['', 'x', linkName().slice(1), `${linkName()}x`, linkName().replace(/.$/, '.')]) {
        expect((await rawLink(url, name).post(1, [helloFrame()])).status).toBe(400);
      }
      expect(count()).toBe(0);
    });
  });

  describe('a later request', () => {
    const open = async (options?: ListenOptions, accept = RECORDS) => {
      const { url } = await start(options);
      const link = rawLink(url);
      const answer = await link.post(1, [helloFrame()], accept);
      return { ...link, answer };
    };

    it('for a link that does not exist gets 404', async () => {
      const { url } = await start();
      const { post, poll, leave } = rawLink(url);
      expect([(await post(2)).status, (await poll(1)).status, (await leave()).status]).toEqual([404, 404, 404]);
    });

    it('for a link that the server has ended is answered, and changes nothing: it may overtake the news', async () => {
      const link = await open();
      expect((await link.post(2, ['["ack",0,1024]'])).status).toBe(204);
      const { wire } = await served.wire();
      wire.unsubscribe();
      expect(await itemsOf(await link.poll(1))).toEqual([expect.stringMatching(/^\["ack",/), { code: 4_000, reason: '' }]);
      expect((await link.post(3, ['["ack",0,1024]'])).status).toBe(204);
      expect((await link.post(9, ['garbage'])).status).toBe(204);
      expect([(await link.leave()).status, (await link.poll(2)).status]).toEqual([204, 404]);
    });

    it('for a link that the client has ended gets 404', async () => {
      const { post, leave } = await open();
      expect((await leave()).status).toBe(204);
      expect([(await post(2)).status, (await leave()).status]).toEqual([404, 404]);
    });

    it('that is repeated is answered, and changes nothing', async () => {
      const { post } = await open();
      await post(2, ['["ack",0,1024]']);
      const { messages } = await served.wire();
      const batch = '["msg",1,1,{"id":"a","type":"t","timestamp":0,"version":"1.0","source":"","payload":1}]';
      expect((await post(3, [batch])).status).toBe(204);
      expect((await post(3, ['garbage'])).status).toBe(204);
      expect((await post(2, ['garbage'])).status).toBe(204);
      expect((await post(4, [batch.replace('1,1,', '2,1,').replace('"a"', '"b"')])).status).toBe(204);
      expect((await messages.take(2)).map(({ id }) => id)).toEqual(['a', 'b']);
    });

    it('that arrives before the previous one gets 400, and ends the link', async () => {
      const { post, poll } = await open();
      expect((await post(3)).status).toBe(400);
      expect(await itemsOf(await poll(1))).toEqual([{ code: 4_400, reason: '' }]);
      expect((await poll(2)).status).toBe(404);
    });

    it.each(['0', '-1', '1.5', '1e3', '', '9'.repeat(16), 'x'])('with the number %j gets 400', async (number) => {
      const { post, poll } = await open();
      expect([(await post(number)).status, (await poll(number)).status]).toEqual([400, 400]);
    });

    it.each(['999', '5000', '', '1e3', 'x'])('that leaves with the code %j gets 400', async (code) => {
      const { leave } = await open();
      expect((await leave(code)).status).toBe(400);
      expect((await leave(1_000, '%')).status).toBe(400);
      expect((await leave()).status).toBe(204);
    });

    it('whose body is no frames gets 400, and ends the link', async () => {
      const { request, poll } = await open();
      const response = await request('POST', { 'rxwire-number': '2' }, Uint8Array.of(9, 9, 9));
      expect(response.status).toBe(400);
      expect(await itemsOf(await poll(1))).toEqual([{ code: 4_400, reason: '' }]);
    });

    it('polls once: the same number, and one below, get 409; a newer one takes its place', async () => {
      const { poll, post } = await open();
      const first = poll(1);
      await post(2, []);
      expect((await poll(1)).status).toBe(409);
      const second = poll(2);
      expect((await first).status).toBe(204);
      await post(3, ['["ack",0,1024]']);
      expect(await itemsOf(await second)).toEqual([expect.stringMatching(/^\["ack",0/)]);
      expect((await poll(2)).status).toBe(409);
    });

    it('polls a streaming link: 406', async () => {
      const { poll } = await open({}, EVENTS);
      expect((await poll(1)).status).toBe(406);
    });

    it('with another method gets 405', async () => {
      const { request } = await open();
      const response = await request('PUT', {});
      expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, POST, DELETE']);
    });
  });

  it('holds a poll for pollHold, then answers 204', async () => {
    const { url } = await start({ pollHold: 30 });
    const link = rawLink(url);
    await link.post(1, [helloFrame()]);
    const since = performance.now();
    expect((await link.poll(1)).status).toBe(204);
    expect(performance.now() - since).toBeGreaterThan(25);
  });

  it.each([EVENTS, RECORDS])('detects that the client of %s has disconnected', async (accept) => {
    const { url, wire } = await start();
    const aborting = new AbortController();
    const link = rawLink(url);
    await link.post(1, [helloFrame()], accept, aborting.signal);
    await link.post(2, ['["ack",0,1024]']);
    const { state } = await wire();
    if (accept === RECORDS) {
      await link.poll(1);
      const poll = link.poll(2, aborting.signal).catch(() => 'aborted');
      await link.post(3, []);
      aborting.abort();
      expect(await poll).toBe('aborted');
    } else aborting.abort();
    await eventually(() => expect(state.values.at(-1)).toMatchObject({ status: 'reconnecting', error: { closeCode: 1_006 } }));
  });

  it('gives a client up that does not poll for 10 s', async () => {
    const scheduler = new VirtualTimeScheduler();
    const { url, wire } = await start({ scheduler, handshakeTimeout: Infinity });
    const link = rawLink(url);
    await link.post(1, [helloFrame()]);
    await link.post(2, ['["ack",0,1024]']);
    const { errors } = await wire();
    scheduler.maxFrames = 10_000;
    scheduler.flush();
    expect(errors.values).toMatchObject([{ closeCode: 1_006 }]);
  });

  it('sends a comment every 15 s, so that no proxy closes the stream as idle', async () => {
    const scheduler = new VirtualTimeScheduler();
    const { url } = await start({ scheduler, handshakeTimeout: Infinity });
    const response = await rawLink(url).post(1, [helloFrame()], EVENTS);
    await textUntil(response, 'welcome');
    scheduler.maxFrames = 15_000;
    scheduler.flush();
    expect(await textUntil(response, ':\n\n')).toContain(':\n\n');
  });

  it('is closed when the server stops: 1001, with a delay for its return', async () => {
    const { url, stop, server } = await start();
    const [streaming, polling] = [rawLink(url), rawLink(url)];
    const stream = await streaming.post(1, [helloFrame()], EVENTS);
    await polling.post(1, [helloFrame()]);
    await textUntil(stream, 'welcome');
    stop();
    expect(await textUntil(stream, 'event: end')).toContain('"code":1001');
    const response = await rawLink(url).post(1, [helloFrame()]);
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await itemsOf(await polling.poll(1))).toEqual([{ code: 1_001, reason: 'the server stops' }]);
    // From now on it is a server like any other.
    expect((await rawLink(url).post(1, [helloFrame()])).status).toBe(404);
    expect(Object.hasOwn(server, 'emit')).toBe(false);
  });

  it('answers the last client that leaves while the server stops', async () => {
    const { url, stop } = await start();
    const link = rawLink(url);
    await link.post(1, [helloFrame()]);
    stop();
    const left = link.request('DELETE', { 'rxwire-code': '1000' }, undefined, AbortSignal.timeout(5_000));
    expect((await left).status).toBe(204);
  });

  it('answers a request whose message stops the server', async () => {
    const { url, stop, wire } = await start();
    const link = rawLink(url);
    await link.post(1, [helloFrame()]);
    await link.post(2, ['["ack",0,1024]']);
    const { wire: server } = await wire();
    server.subscribe(() => stop());
    await link.poll(1);
    const poll = link.poll(2);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect((await link.post(3, [batch(1, 'a')], RECORDS, AbortSignal.timeout(5_000))).status).toBe(204);
    expect(await itemsOf(await poll)).toContainEqual({ code: 1_001, reason: 'the server stops' });
  });

  describe('a client that needs credentials', () => {
    const authenticate: Authenticate<Principal> = ({ request }) => {
      asked++;
      const key = String(request.headers.authorization);
      return key.startsWith('key-of-') ? { id: key.slice(7).split('#')[0]! } : undefined;
    };
    const withKeys = async () => (served = await serve({ authenticate }));
    let asked = 0;
    beforeEach(() => void (asked = 0));

    it('may send fresh credentials; the same ones are not checked again', async () => {
      const { url } = await withKeys();
      const mine = rawLink(url, undefined, { authorization: 'key-of-ann' });
      await mine.post(1, [helloFrame()]);
      await mine.post(2, ['["ack",0,1024]']);
      expect(asked).toBe(1);
      const fresh = rawLink(url, mine.name, { authorization: 'key-of-ann#2' });
      expect((await fresh.post(3)).status).toBe(204);
      expect((await fresh.post(4)).status).toBe(204);
      expect(asked).toBe(2);
    });

    it('is refused on the way down: 4401', async () => {
      const { url } = await withKeys();
      expect(await itemsOf(await rawLink(url).post(1, [helloFrame()]))).toEqual([
        { code: 4_401, reason: 'the credentials were not accepted' },
      ]);
    });
  });

  describe('of a page', () => {
    const origin = 'https://app.example';

    it('of an allowed origin receives the CORS headers', async () => {
      const { url } = await start({ origins: [origin] });
      const link = rawLink(url, linkName(), { origin });
      const asked = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization,rxwire-link,x-my' };
      const preflight = await fetch(url.replace('ws', 'http'), { method: 'OPTIONS', headers: { origin, ...asked } });
      expect(preflight.status).toBe(204);
      expect(Object.fromEntries(preflight.headers)).toMatchObject({
        'access-control-allow-origin': origin,
        'access-control-allow-credentials': 'true',
        'access-control-allow-headers': 'authorization, rxwire-link, x-my',
        'access-control-allow-methods': 'GET, POST, DELETE',
        vary: 'Origin',
      });
      const response = await link.post(1, [helloFrame()]);
      expect(response.status).toBe(200);
      expect(response.headers.get('access-control-allow-origin')).toBe(origin);
      expect((await link.post(3)).headers.get('access-control-allow-origin')).toBe(origin);
    });

    it('of another site without an origin header gets 403', async () => {
      const { port } = await start();
      const status = (site: string): Promise<number | undefined> =>
        new Promise((resolve) => {
          const headers = { 'rxwire-link': linkName(), 'rxwire-number': '1', 'sec-fetch-site': site };
          httpRequest({ port, host: '127.0.0.1', path: '/wire', headers }, ({ statusCode }) => resolve(statusCode)).end();
        });
      expect([await status('cross-site'), await status('same-origin')]).toEqual([403, 404]);
    });
  });

  describe('a server that others listen to', () => {
    it('receives requests that are not for wires: other paths, and those without the name of a link', async () => {
      const { url, port } = await start();
      const address = `http://127.0.0.1:${port}`;
      expect((await fetch(`${address}/wire`)).status).toBe(404);
      expect((await fetch(`${address}/wire`, { method: 'OPTIONS' })).status).toBe(404);
      expect((await rawLink(url.replace('/wire', '/wired')).post(1, [helloFrame()])).status).toBe(404);
    });

    it('does not receive requests for wires, in any order of registration, and receives all again afterwards', async () => {
      const seen: string[] = [];
      const server = createServer((request, response) => {
        seen.push(`first ${request.method ?? ''}`);
        response.end();
      }).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/wire`;
      const [one, two] = [listen(server).subscribe(), listen(server, { path: '/two' }).subscribe()];
      server.on('request', (request) => seen.push(`later ${request.method ?? ''}`));
      expect((await rawLink(url).post(1, [helloFrame()])).status).toBe(200);
      const second = rawLink(url.replace('wire', 'two'));
      expect((await second.post(1, [helloFrame()])).status).toBe(200);
      await second.leave();
      expect(seen).toEqual([]);
      await fetch(url);
      expect(seen).toEqual(['first GET', 'later GET']);
      // Not in the order in which they came.
      one.unsubscribe();
      two.unsubscribe();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    });
  });

  it('refuses a pollHold that is too long', async () => {
    await start();
    expect(() => listen(createServer(), { pollHold: 50_001 })).toThrow(RangeError);
    expect(() => listen(createServer(), { pollHold: 0 })).toThrow(RangeError);
  });
});
