import { jest } from '@jest/globals';
import { firstValueFrom, map, Subject, take, toArray, type Subscription } from 'rxjs';
import { connect, type ConnectOptions } from '../../../lib/wire/connect.js';
import type { Wire } from '../../../lib/wire/wire.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import type { FetchLike } from '../../../lib/io/http/httpLinkOptions.js';
import { longPolling } from '../../../lib/io/longPolling.js';
import { serverSentEvents } from '../../../lib/io/serverSentEvents.js';
import { fetchHandler, type FetchHandlerOptions } from '../../../lib/server/fetch/fetchHandler.js';
import type { AnyWire, Principal } from '../../../lib/server/principal.js';
import { eventually } from '../../support/eventually.js';
import { record } from '../../support/record.js';
import { helloFrame } from '../../support/sessionFrames.js';
import { bodyOf, linkName, RECORDS } from '../http/rawHttpLink.js';

const URL = 'http://127.0.0.1/wire';

describe('fetchHandler', () => {
  let subscription: Subscription | undefined;
  const clients: Wire[] = [];
  /** Opens a wire until the end of the test. */
  const open = (options: ConnectOptions): Wire => {
    const wire = connect(options);
    clients.push(wire);
    return wire;
  };
  afterEach(() => {
    clients.splice(0).forEach((wire) => wire.unsubscribe());
    subscription?.unsubscribe();
  });

  /** Starts a handler that sends each message back. */
  function start<P extends Principal | undefined = undefined>(options: FetchHandlerOptions<P> = {}) {
    const handler = fetchHandler<P>(options);
    const wires: AnyWire[] = [];
    subscription = handler.wires$.subscribe((wire) => {
      wires.push(wire);
      wire.subscribe(({ payload }) => wire.next(createMessage('echoed', payload)));
    });
    const call = async (url: string | globalThis.URL | Request, init?: RequestInit): Promise<Response> =>
      handler.fetch(new Request(url, init));
    return { ...handler, wires, call };
  }
  const opening = (headers: Readonly<Record<string, string>> = {}) => ({
    method: 'POST',
    headers: { 'rxwire-link': linkName(), 'rxwire-number': '1', accept: RECORDS, ...headers },
    body: bodyOf(helloFrame()),
  });

  it.each([serverSentEvents, longPolling])('serves a client over %p, until the end of its wire', async (link) => {
    const { call, wires } = start();
    const wire = open({ link: link(URL, { fetch: call as unknown as FetchLike }), reconnect: false });
    const echoed = firstValueFrom(
      wire.pipe(
        take(100),
        map(({ payload }) => payload),
        toArray(),
      ),
    );
    const numbers = Array.from({ length: 100 }, (_, number) => number);
    for (const number of numbers) wire.next(createMessage('said', number));
    expect(await echoed).toEqual(numbers);
    const ended = record(wire).ended;
    wire.complete();
    expect(await ended).toBe('complete');
    expect(wires).toHaveLength(1);
  });

  it('responds with 503 while `wires$` has no subscriber, and with 404 to other requests', async () => {
    const { fetch } = fetchHandler();
    expect((await fetch(new Request(URL, opening()))).status).toBe(503);
    const { call } = start();
    expect((await call('http://127.0.0.1/other', opening())).status).toBe(404);
    expect((await call(URL)).status).toBe(404);
    subscription?.unsubscribe();
    expect((await call(URL, opening())).status).toBe(503);
  });

  it.each(['/wire', 'http://a b/wire'])('responds with 400 to the address %s, which Bun or Deno makes of an invalid host', async (url) => {
    const request = Object.defineProperty(new Request(URL, opening()), 'url', { value: url });
    expect((await start().fetch(request)).status).toBe(400);
  });

  it('shares its wires between the subscribers', async () => {
    const { wires$, wires, call } = start();
    const others = record(wires$);
    await call(URL, opening());
    const link = { link: longPolling(URL, { fetch: call as unknown as FetchLike }), reconnect: false } as const;
    open(link).next(createMessage('said', 1));
    expect(await others.take(1)).toEqual([wires[0]]);
    others.subscription.unsubscribe();
  });

  it('refuses pages of other hosts, and responds to preflights of its origins', async () => {
    const { call } = start({ origins: ['https://app.example'] });
    expect((await call(URL, opening({ origin: 'https://evil.example' }))).status).toBe(403);
    const headers = { origin: 'https://app.example', 'access-control-request-headers': 'rxwire-link', host: '127.0.0.1' };
    const preflight = await call(URL, { method: 'OPTIONS', headers });
    expect([preflight.status, preflight.headers.get('access-control-allow-origin')]).toEqual([204, 'https://app.example']);
  });

  it('passes a web-standard request to `authenticate`, with cookies and the address', async () => {
    const authenticate = jest.fn(({ request }: { readonly request: Request }) => ({ id: request.headers.get('cookie') ?? 'none' }));
    const { call, wires } = start({ authenticate });
    const headers = { cookie: 'user=ada' };
    open({ link: longPolling(URL, { headers, fetch: call as unknown as FetchLike }), reconnect: false }).next(createMessage('said', 1));
    await eventually(() => expect(wires.map(({ principal }) => principal)).toEqual([{ id: 'user=ada' }]));
    expect(authenticate.mock.calls[0]?.[0].request.url).toBe(URL);
  });

  it('responds with 406 to a WebSocket where the runtime has none, and to one that is turned off', async () => {
    const headers = { upgrade: 'websocket' };
    expect((await start().call(URL, { headers })).status).toBe(406);
    const upgrade = jest.fn(() => true);
    const { fetch } = start({ transports: ['sse'] });
    expect((await fetch(new Request(URL, { headers }), { upgrade })).status).toBe(406);
    expect(upgrade).not.toHaveBeenCalled();
  });

  it('counts the connections of an address, that of Bun or Deno', async () => {
    const { fetch } = start({ connectionRate: { perSecond: 1, burst: 1 } });
    const from = async (context: unknown): Promise<number> => (await fetch(new Request(URL, opening()), context)).status;
    const bun = { requestIP: () => ({ address: '10.0.0.1' }) };
    const deno = { remoteAddr: { hostname: '10.0.0.2' } };
    expect([await from(bun), await from(bun), await from(deno), await from(deno)]).toEqual([200, 429, 200, 429]);
  });

  it('loses the connection of a client that aborts its poll, and of one that cancels its stream', async () => {
    const { call, wires } = start();
    const aborted = new AbortController();
    const polling = longPolling(URL, {
      fetch: ((url: string, init: RequestInit) => call(url, { ...init, signal: aborted.signal })) as unknown as FetchLike,
    });
    open({ link: polling, reconnect: false }).next(createMessage('said', 1));
    await eventually(() => expect(wires[0]?.state.status).toBe('connected'));
    aborted.abort();
    await eventually(() => expect(wires[0]?.state.status).not.toBe('connected'));

    const events = opening({ accept: 'text/event-stream' });
    const leave = { method: 'POST', headers: { ...events.headers, 'rxwire-number': '2' }, body: bodyOf() };
    const reader = (await call(URL, events)).body!.getReader();
    await reader.read();
    expect((await call(URL, leave)).status).toBe(204);
    await reader.cancel();
    expect((await call(URL, leave)).status).toBe(404);
  });

  it.each(['reads', 'cancels'])('counts a stream that has ended until its client %s the rest', async (how) => {
    const { call } = start({ maxConnections: 1 });
    const events = opening({ accept: 'text/event-stream' });
    const { body } = await call(URL, events);
    const end = { method: 'DELETE', headers: { 'rxwire-link': events.headers['rxwire-link'], 'rxwire-code': '1000' } };
    expect((await call(URL, end)).status).toBe(204);
    expect((await call(URL, opening())).status).toBe(503);
    if (how === 'cancels') await body?.cancel();
    else expect(await new Response(body).text()).toContain('1000');
    expect((await call(URL, opening())).status).toBe(200);
  });

  it('stops when `shutdown$` emits: it completes, and refuses new clients', async () => {
    const shutdown$ = new Subject<void>();
    const { wires$, call } = start({ shutdown$ });
    const all = record(wires$);
    shutdown$.next();
    expect(await all.ended).toBe('complete');
    expect((await call(URL, opening())).status).toBe(503);
  });

  it('informs a client that polls of the end, also after `wires$` has no subscriber', async () => {
    const { call, wires } = start();
    const wire = open({ link: longPolling(URL, { fetch: call as unknown as FetchLike }), reconnect: false });
    const ended = record(wire).ended;
    wire.next(createMessage('said', 1));
    await eventually(() => expect(wires[0]?.state.status).toBe('connected'));
    subscription?.unsubscribe();
    expect(await ended).toMatchObject({ closeCode: 1_001 });
  });

  it.each([{ authenticate: 5 }, { path: 'wire' }, { pollHold: 60_000 }, { maxFrame: 0 }, { unknown: 1 }])(
    'rejects the options %p',
    (options) => {
      expect(() => fetchHandler(options as FetchHandlerOptions)).toThrow(/^fetchHandler: /);
    },
  );
});
