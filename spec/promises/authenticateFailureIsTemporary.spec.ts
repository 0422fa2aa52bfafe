import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { firstValueFrom, NEVER, throwError } from 'rxjs';
import type { CallbackError, RxwireError } from '../../lib/message/errors.js';
import { longPolling } from '../../lib/io/longPolling.js';
import { serverSentEvents } from '../../lib/io/serverSentEvents.js';
import { webSocket } from '../../lib/io/webSocket.js';
import { createMessage } from '../../lib/message/createMessage.js';
import { listen, type ListenOptions } from '../../lib/server/listen.js';
import type { Authenticate, Principal } from '../../lib/server/principal.js';
import { connect } from '../../lib/wire/connect.js';
import type { Wire } from '../../lib/wire/wire.js';
import { rawLink } from '../server/http/rawHttpLink.js';
import { eventually } from '../support/eventually.js';
import { rawClient } from '../support/peer.js';
import { record } from '../support/record.js';
import { helloFrame } from '../support/sessionFrames.js';
import { tcpProxy } from '../support/tcpProxy.js';
import { wireServer } from '../support/wireServer.js';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

type Answer = ReturnType<Authenticate<Principal | undefined>>;

const ADA: Principal = { id: 'ada' };

/** A server whose `authenticate` gives these answers, and then accepts each client. */
async function served(answers: readonly (() => unknown)[], options: ListenOptions<Principal | undefined> = {}) {
  const wires: Wire[] = [];
  const got: unknown[] = [];
  const refused: RxwireError[] = [];
  let calls = 0;
  const authenticate = (): Answer => (answers[calls++] ?? (() => ADA))() as Answer;
  const server = await wireServer(
    (wire) => {
      wires.push(wire);
      wire.subscribe(({ payload }) => got.push(payload));
    },
    { ...options, authenticate },
  );
  server.refused$.subscribe((error) => refused.push(error));
  const proxy = await tcpProxy(server.port);
  cleanups.push(
    () => server.close(),
    () => proxy.close(),
  );
  return { server, proxy, url: `ws://127.0.0.1:${proxy.port}/wire`, wires, got, refused, calls: () => calls };
}

function client(link: Parameters<typeof connect>[0]['link'], token?: () => string) {
  const wire = connect({ link, reconnect: { initialInterval: 10, maxInterval: 20 }, ...(token && { token }) });
  cleanups.push(() => wire.unsubscribe());
  return { wire, errors: record(wire.errors$) };
}

const boom = new Error('connect ECONNREFUSED 10.0.0.7:5432');
const accept = (): Principal => ADA;

const failures: readonly (readonly [how: string, answer: () => unknown, cause: unknown])[] = [
  ['throws', () => { throw boom; }, boom], // prettier-ignore
  ['rejects', () => Promise.reject(boom), boom],
  ['delivers an error', () => throwError(() => boom), boom],
  ['does not answer in time', () => NEVER, expect.objectContaining({ message: 'authenticate did not answer within 200 ms' })],
  ['returns false', () => false, new TypeError('authenticate: expected a principal with an "id", or undefined, got boolean')],
  ['returns an object without an id', () => Promise.resolve({ name: 'ada' }), expect.any(TypeError)],
  ['returns an empty id', () => ({ id: '' }), expect.any(TypeError)],
];

describe('A failure of authenticate refuses no client for good', () => {
  it.each(failures)('when it %s at a reconnect: 1013, told to onRefused, and the message arrives', async (_, answer, cause) => {
    const { proxy, url, wires, got, refused } = await served([accept, answer], { handshakeTimeout: 200 });
    const { wire, errors } = client(webSocket(url));
    await wire.send(createMessage('note', 1));
    proxy.cut();
    const second = wire.send(createMessage('note', 2));
    expect((await second).status).toBe('acked');
    expect(got).toEqual([1, 2]);
    expect(wires).toHaveLength(1);
    expect(refused.map((error) => [error.code, (error as Partial<CallbackError>).callback, error.cause])).toEqual([
      ['ERR_CALLBACK', 'authenticate', cause],
    ]);
    expect(errors.values).toContainEqual(expect.objectContaining({ closeCode: 1013 }));
  });

  it.each([
    ['server-sent events', serverSentEvents],
    ['long polling', longPolling],
  ])('over %s', async (_, link) => {
    const fails = failures[0]![1];
    const { proxy, url, wires, got, refused } = await served([fails, accept, fails]);
    const { wire, errors } = client(link(url.replace('ws', 'http')));
    await wire.send(createMessage('note', 1));
    proxy.cut();
    await wire.send(createMessage('note', 2));
    expect(got).toEqual([1, 2]);
    expect(wires).toHaveLength(1);
    expect(refused.map(({ code }) => code)).toEqual(['ERR_CALLBACK', 'ERR_CALLBACK']);
    expect(errors.values).toContainEqual(expect.objectContaining({ closeCode: 1013 }));
  });

  it('of a fresh token in the middle of a session: the session goes on', async () => {
    const short = (): Principal => ({ id: 'ada', expiresAt: Date.now() + 200 });
    const { url, wires, got, refused, calls } = await served([short, failures[1]![1]]);
    const { wire, errors } = client(webSocket(url), () => 'token');
    await wire.send(createMessage('note', 1));
    await eventually(() => expect(calls()).toBeGreaterThanOrEqual(3));
    await wire.send(createMessage('note', 2));
    expect(got).toEqual([1, 2]);
    expect(wires.map(({ state }) => state.status)).toEqual(['connected']);
    expect(refused.map(({ code, cause }) => [code, cause])).toEqual([['ERR_CALLBACK', boom]]);
    expect(errors.values).toContainEqual(expect.objectContaining({ closeCode: 1013 }));
  });

  it('of a request with other credentials: 503 with retry-after', async () => {
    const { server, refused } = await served([accept, failures[0]![1]]);
    const link = rawLink(server.url, undefined, { authorization: 'first' });
    expect((await link.post(1, [helloFrame()])).status).toBe(200);
    const response = await rawLink(server.url, link.name, { authorization: 'second' }).post(2);
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1']);
    expect(refused.map(({ code }) => code)).toEqual(['ERR_CALLBACK']);
  });

  it('is a warning of the process without onRefused, which reveals nothing to the client', async () => {
    const warned: unknown[] = [];
    const { emitWarning } = process;
    cleanups.push(() => (process.emitWarning = emitWarning));
    process.emitWarning = (warning: unknown) => void warned.push(warning);
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const serving = listen(server, { authenticate: failures[0]![1] as Authenticate<Principal> }).subscribe();
    cleanups.push(
      () => server.close(),
      () => serving.unsubscribe(),
    );
    const peer = await rawClient(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/wire`);
    peer.socket.send(helloFrame());
    expect(await peer.ended).toEqual({ code: 1013, reason: 'the server could not check the credentials' });
    expect(warned).toEqual([expect.stringContaining(`the function "authenticate" of the application has failed: ${boom.message}`)]);
  });
});

describe('A client is refused for good', () => {
  it.each([
    ['undefined', () => undefined],
    ['null', () => null],
    ['a promise of null', () => Promise.resolve(null)],
    ['an expired principal', () => ({ id: 'ada', expiresAt: 1 })],
  ])('when authenticate returns %s', async (_, answer) => {
    const { url, refused } = await served([answer]);
    const { wire } = client(webSocket(url));
    expect(await record(wire).ended).toMatchObject({ code: 'ERR_UNAUTHORIZED', closeCode: 4401 });
    await eventually(() => expect(refused.map(({ code }) => code)).toEqual(['ERR_UNAUTHORIZED']));
    expect(await firstValueFrom(wire.state$)).toMatchObject({ status: 'error' });
  });
});
