import { filter, firstValueFrom, type Observable } from 'rxjs';
import { longPolling } from '../../lib/io/longPolling.js';
import { serverSentEvents } from '../../lib/io/serverSentEvents.js';
import { webSocket } from '../../lib/io/webSocket.js';
import { createMessage } from '../../lib/message/createMessage.js';
import { connect, type ConnectOptions } from '../../lib/wire/connect.js';
import type { ConnectionState, ConnectionStatus } from '../../lib/wire/connectionState.js';
import type { Wire } from '../../lib/wire/wire.js';
import { eventually } from '../support/eventually.js';
import { record } from '../support/record.js';
import { tcpProxy } from '../support/tcpProxy.js';
import { wireServer } from '../support/wireServer.js';

/** R2: a live ConnectionState, over real sockets. */
describe('a live ConnectionState', () => {
  const cleanups: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  async function start(options: Partial<ConnectOptions> = {}, link: (url: string) => ConnectOptions['link'] = webSocket) {
    const served: Wire[] = [];
    const server = await wireServer((wire) => {
      served.push(wire);
      wire.subscribe(({ type, payload }) => wire.next(createMessage(type, payload)));
    });
    const proxy = await tcpProxy(server.port);
    const url = `ws://127.0.0.1:${proxy.port}/wire`;
    const before = Date.now();
    const wire = connect({ link: link(url), reconnect: { initialInterval: 10, jitter: 0 }, ...options });
    const states = record(wire.state$);
    const messages = record(wire as Observable<unknown>);
    cleanups.push(
      () => server.close(),
      () => proxy.close(),
      () => wire.unsubscribe(),
    );
    const until = (status: ConnectionStatus): Promise<ConnectionState> =>
      firstValueFrom(wire.state$.pipe(filter((state) => state.status === status)));
    const statuses = (): readonly string[] => states.values.map(({ status }) => status).filter((status, at, all) => status !== all[at - 1]);
    return { wire, server, proxy, served, url, before, until, statuses, messages };
  }

  it('id', async () => {
    const { wire } = await start({ id: 'mine' });
    expect([wire.state.id, wire.id]).toEqual(['mine', 'mine']);
  });

  it('status: connecting, connected, disconnected, reconnecting, disconnecting', async () => {
    const { wire, proxy, until, statuses } = await start();
    await until('connected');
    proxy.cut();
    await until('reconnecting');
    await until('connected');
    wire.complete();
    await until('disconnected');
    expect(statuses()).toEqual(['connecting', 'connected', 'disconnected', 'reconnecting', 'connected', 'disconnecting', 'disconnected']);
  });

  it('status: error, with why', async () => {
    const { proxy, until, statuses } = await start({ reconnect: { initialInterval: 1, maxRetries: 1 } });
    await until('connected');
    proxy.refuse();
    proxy.cut();
    expect((await until('error')).error).toMatchObject({ code: 'ERR_RECONNECT_GIVEN_UP', attempts: 1 });
    expect(statuses()).toEqual(['connecting', 'connected', 'disconnected', 'reconnecting', 'error']);
    await proxy.accept();
  });

  it.each([
    ['websocket', webSocket],
    ['sse', serverSentEvents],
    ['long-polling', longPolling],
  ] as const)('protocol and endpoint: %s', async (protocol, link) => {
    const { wire, served, url, until } = await start({}, link);
    await until('connected');
    expect(wire.state).toMatchObject({ protocol, endpoint: protocol === 'websocket' ? url : url.replace('ws', 'http') });
    await eventually(() => expect(served[0]?.state).toMatchObject({ protocol, endpoint: '/wire' }));
  });

  it('createdAt and lastActivity', async () => {
    const { wire, before, until } = await start();
    const { createdAt } = await until('connected');
    expect(createdAt).toBeGreaterThanOrEqual(before);
    await wire.send(createMessage('test.any', null));
    const { lastActivity } = wire.state;
    expect(lastActivity).toBeGreaterThanOrEqual(createdAt);
    expect([wire.state.createdAt, lastActivity <= Date.now()]).toEqual([createdAt, true]);
  });

  it('reconnectAttempts: since it worked last', async () => {
    const { wire, proxy, until } = await start();
    expect((await until('connected')).reconnectAttempts).toBe(0);
    proxy.refuse();
    proxy.cut();
    const state = await firstValueFrom(wire.state$.pipe(filter(({ reconnectAttempts }) => reconnectAttempts === 2)));
    expect(state).toMatchObject({ status: 'reconnecting', error: { code: 'ERR_CONNECTION_LOST' } });
    expect(state.nextAttemptAt).toBeGreaterThan(state.lastActivity);
    await proxy.accept();
    expect((await until('connected')).reconnectAttempts).toBe(0);
  });

  it('metrics: bytes and messages sent and received, errors, latency, uptime', async () => {
    const { wire, served, proxy, until, messages } = await start();
    await until('connected');
    await wire.send(createMessage('test.any', 'x'.repeat(1_000)));
    await messages.take(1);
    const { metrics } = wire.state;
    const theirs = served[0]!.state.metrics;
    expect(metrics).toMatchObject({ messagesSent: 1, messagesReceived: 1, errors: 0, bytesReceived: theirs.bytesSent });
    expect([metrics.bytesSent > 1_000, metrics.bytesReceived > 1_000, metrics.latency < 1_000]).toEqual([true, true, true]);
    await firstValueFrom(wire.state$.pipe(filter((state) => state.metrics.uptime > 0)));
    const lost = until('reconnecting');
    proxy.cut();
    expect((await lost).metrics).toMatchObject({ errors: 1, uptime: 0 });
  });
});
