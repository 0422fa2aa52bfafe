import { jest } from '@jest/globals';
import type { NatsConnection } from '@nats-io/nats-core';
import { asyncScheduler, firstValueFrom, NEVER, of, toArray, VirtualTimeScheduler, map, EMPTY, Subject } from 'rxjs';
import type { ClusterRequests, ForwardedRequest } from '../../../lib/wire/session/serverCluster.js';
import { createFrames, encodeHead, FrameKind } from '../../../lib/stores/nats/forwardFrame.js';
import { createNatsContext, type NatsSettings } from '../../../lib/stores/nats/natsContext.js';
import { createNatsRequests } from '../../../lib/stores/nats/natsRequests.js';
import { describeWith } from '../../support/debian.js';
import { eventually } from '../../support/eventually.js';
import { forwardingCases } from '../../support/forwardingCases.js';
import { clusterNode } from '../../support/memoryCluster.js';
import { httpProxy } from '../../support/httpProxy.js';
import { wireServer } from '../../support/wireServer.js';
import { ofType } from '../../../lib/operators/ofType.js';
import { connect } from '../../../lib/wire/connect.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import { longPolling } from '../../../lib/io/longPolling.js';
import { serverSentEvents } from '../../../lib/io/serverSentEvents.js';
import { natsCluster } from '../../../lib/stores/nats/natsCluster.js';
import { startNats, type Nats } from '../../support/nats.js';
import { record } from '../../support/record.js';

jest.setTimeout(30_000);

const get: ForwardedRequest = { method: 'GET', url: '/wire', headers: { 'x-a': '1' }, body$: EMPTY };

describeWith('nats-server', 'natsRequests', (program) => {
  let nats: Nats;
  const connections = new Map<string, NatsConnection>();
  beforeAll(async () => {
    nats = await startNats(program);
    for (const node of ['a', 'b']) connections.set(node, await nats.connect());
  });
  afterAll(() => nats.close());

  const requestsOf = (node: string, settings: Partial<NatsSettings> = {}): ClusterRequests =>
    createNatsRequests(
      createNatsContext({
        connection: connections.get(node)!,
        name: 'rx',
        node,
        replicas: 1,
        storage: 'memory',
        timeout: 5_000,
        scheduler: asyncScheduler,
        ...settings,
      }),
    );
  const stopping: (() => void)[] = [];
  afterEach(() => stopping.splice(0).forEach((stop) => stop()));
  const serve = async (requests: ClusterRequests, handler: Parameters<ClusterRequests['serve']>[0]): Promise<void> => {
    stopping.push(requests.serve(handler) as () => void);
    await connections.get('a')!.flush();
  };

  /** A node that receives the frames of requests, and answers them by itself. */
  const rawNode = async (node: string) => {
    const connection = connections.get('a')!;
    const requests: { readonly kind: number; readonly reply: string }[] = [];
    const subscription = connection.subscribe(`rx.node.${node}.requests`, {
      callback: (_, { data, reply = '' }) => void requests.push({ kind: data[0]!, reply }),
    });
    stopping.push(() => subscription.unsubscribe());
    await connection.flush();
    return { connection, requests };
  };

  forwardingCases((node) => clusterNode(node, requestsOf(node)));

  it('passes bodies in pieces that NATS accepts', async () => {
    const small = (node: string): NatsConnection =>
      Object.create(connections.get(node)!, { info: { value: { max_payload: 1_000 } } }) as NatsConnection;
    const body = Uint8Array.from({ length: 100_003 }, (_, index) => index % 251);
    await serve(requestsOf('a', { connection: small('a') }), ({ body$ }) =>
      body$.pipe(
        toArray(),
        map((chunks) => ({ status: 200, headers: { pieces: chunks.length }, body: Buffer.concat(chunks) })),
      ),
    );
    const sender = requestsOf('b', { connection: small('b') });
    const response = await firstValueFrom(sender.send('a', { ...get, method: 'POST', body$: of(body) }));
    expect(response.headers).toEqual({ pieces: Math.ceil(100_003 / 995) });
    expect(Buffer.compare(response.body!, body)).toBe(0);
  });

  it('sends a request again that no node has received, as straight after the start of a node', async () => {
    const sender = requestsOf('b');
    const response = firstValueFrom(sender.send('late', get));
    await connections.get('b')!.flush();
    await serve(requestsOf('late', { connection: connections.get('a')! }), () => of({ status: 204, headers: {} }));
    expect(await response).toEqual({ status: 204, headers: {} });
  });

  it('passes a request to the server of the node that has its link', async () => {
    const requests = requestsOf('a');
    await serve(requests, () => undefined);
    await serve(requests, ({ headers }) => of({ status: 200, headers: { got: headers['x-a'] } }));
    expect(await firstValueFrom(requestsOf('b').send('a', get))).toEqual({ status: 200, headers: { got: '1' } });
  });

  it('fails when the node is silent for 2.5 s', async () => {
    const scheduler = new VirtualTimeScheduler();
    const { requests } = await rawNode('frozen');
    const response = record(requestsOf('b', { scheduler }).send('frozen', get));
    await eventually(() => expect(requests).toHaveLength(1));
    scheduler.maxFrames = 2_500;
    scheduler.flush();
    expect(response.isOver()).toBe(false);
    scheduler.maxFrames = 3_000;
    scheduler.flush();
    expect(await response.ended).toMatchObject({ code: 'ERR_STORE' });
    // The node is told, should it wake up.
    await eventually(() => expect(requests.map(({ kind }) => kind)).toEqual([FrameKind.REQUEST, FrameKind.ABORT]));
  });

  it('waits for a node that holds a request, for as long as the node reports it each second', async () => {
    const [near, far] = [new VirtualTimeScheduler(), new VirtualTimeScheduler()];
    const held$ = new Subject<{ readonly status: number; readonly headers: object }>();
    const started$ = new Subject<void>();
    const started = firstValueFrom(started$);
    await serve(requestsOf('a', { scheduler: far }), () => {
      started$.next();
      return held$.pipe(map(({ status }) => ({ status, headers: {} })));
    });
    const heard: unknown[] = [];
    const watching = connections.get('b')!.subscribe('rx.node.b.responses.*.alive', { callback: () => void heard.push(1) });
    stopping.push(() => watching.unsubscribe());
    const response = record(requestsOf('b', { scheduler: near }).send('a', get));
    await started;
    for (let second = 1; second <= 10; second++) {
      far.maxFrames = near.maxFrames = second * 1_000;
      far.flush();
      await eventually(() => expect(heard).toHaveLength(second));
      await connections.get('b')!.flush();
      near.flush();
    }
    expect(response.isOver()).toBe(false);
    held$.next({ status: 204, headers: {} });
    expect(await response.take(1)).toEqual([{ status: 204, headers: {} }]);
  });

  it('fails when a piece of the response is lost', async () => {
    const { connection, requests } = await rawNode('lossy');
    const response = record(requestsOf('b').send('lossy', get));
    await eventually(() => expect(requests).toHaveLength(1));
    const { reply } = requests[0]!;
    const writer = createFrames({ connection, maxPayload: () => 1_048_576 }, reply);
    writer.write(FrameKind.RESPONSE, encodeHead({ status: 200, headers: {}, size: 3 }));
    // The third frame arrives in place of the second.
    const third = new Uint8Array([FrameKind.RESPONSE_BODY, 0, 0, 0, 2, 1, 2, 3]);
    connection.publish(reply, third);
    expect(await response.ended).toMatchObject({ code: 'ERR_STORE', cause: { message: 'a part of the response is missing' } });
  });

  it('fails the body of a request when a piece of it is lost', async () => {
    const ended$ = new Subject<unknown>();
    const ended = firstValueFrom(ended$);
    await serve(requestsOf('a'), ({ body$ }) => {
      body$.subscribe({ error: (error: unknown) => ended$.next(error) });
      return NEVER;
    });
    const connection = connections.get('b')!;
    const reply = 'rx.node.b.responses.raw.1';
    const wanted$ = new Subject<void>();
    const wanted = firstValueFrom(wanted$);
    const subscription = connection.subscribe(reply, { callback: () => wanted$.next() });
    stopping.push(() => subscription.unsubscribe());
    const writer = createFrames({ connection, maxPayload: () => 1_048_576 }, 'rx.node.a.requests', reply);
    writer.write(FrameKind.REQUEST, encodeHead({ method: 'POST', url: '/wire', headers: {} }));
    await wanted;
    connection.publish('rx.node.a.requests', new Uint8Array([FrameKind.BODY, 0, 0, 0, 2, 1]), { reply });
    expect(await ended).toMatchObject({ code: 'ERR_CONNECTION_LOST' });
  });

  it('fails while the connection to NATS is lost, and when it is lost meanwhile', async () => {
    const own = await startNats(program);
    const connection = await own.connect();
    const requests = requestsOf('b', { connection });
    const started$ = new Subject<void>();
    const started = firstValueFrom(started$);
    await serve(requests, () => {
      started$.next();
      return NEVER;
    });
    const response = record(requests.send('b', get));
    await started;
    await own.kill();
    expect(await response.ended).toMatchObject({ code: 'ERR_STORE' });
    expect(await record(requests.send('b', get)).ended).toMatchObject({ code: 'ERR_STORE' });
    await own.close();
  });

  describe.each(Object.entries({ serverSentEvents, longPolling }))('a session over %s behind a load balancer', (transport, link) => {
    it('loses, repeats and reorders nothing, even when the node of its link has ended', async () => {
      const received: unknown[] = [];
      const homes: string[] = [];
      const join = async (node: string) => {
        const cluster = natsCluster({ connection: await nats.connect(), name: `by-${transport}`, node, storage: 'memory' });
        return wireServer(
          (served) => {
            homes.push(node);
            served.pipe(ofType('test.up')).subscribe(({ payload }) => {
              received.push(payload);
              served.next(createMessage('test.down', payload));
            });
          },
          { cluster },
        );
      };
      const alive = new Map([
        ['a', await join('a')],
        ['b', await join('b')],
        ['c', await join('c')],
      ]);
      let turn = 0;
      const proxy = await httpProxy(() => [...alive.values()][turn++ % alive.size]!.port);
      const wire = connect({ link: link(proxy.url), delivery: 'exactly-once', reconnect: { initialInterval: 5, maxInterval: 50 } });
      wire.errors$.subscribe();
      const returned = record(wire.pipe(ofType('test.down')));

      for (let round = 0; round < 3; round++) {
        const numbers = Array.from({ length: 100 }, (_, index) => round * 100 + index);
        await Promise.all(numbers.map((number) => wire.send(createMessage('test.up', number))));
        await returned.take((round + 1) * 100);
        const gone = alive.get(homes.at(-1)!);
        if (round < 2) alive.delete(homes.at(-1)!);
        await gone?.close();
      }
      const all = Array.from({ length: 300 }, (_, index) => index);
      expect(received).toEqual(all);
      expect(returned.values.map(({ payload }) => payload)).toEqual(all);
      wire.unsubscribe();
      await proxy.close();
      expect([...homes].sort()).toEqual(['a', 'b', 'c']);
    });
  });
});
