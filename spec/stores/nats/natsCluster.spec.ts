import type { Socket } from 'node:net';
import { BehaviorSubject, filter, firstValueFrom, Subject, timeout } from 'rxjs';
import { channel } from '../../../lib/operators/channels/channel.js';
import { hub } from '../../../lib/server/hub/hub.js';
import { webSocket } from '../../../lib/io/webSocket.js';
import type { Message } from '../../../lib/message/types.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import { natsCluster, type ClusterState, type NatsClusterOptions } from '../../../lib/stores/nats/index.js';
import type { ListenOptions } from '../../../lib/server/listen.js';
import type { Principal } from '../../../lib/server/principal.js';
import { memoryOutbox } from '../../../lib/stores/memoryOutbox.js';
import { ofType } from '../../../lib/operators/ofType.js';
import { connect, type ConnectOptions } from '../../../lib/wire/connect.js';
import type { Wire } from '../../../lib/wire/wire.js';
import { describeWith } from '../../support/debian.js';
import { eventually } from '../../support/eventually.js';
import { startNats, type Nats } from '../../support/nats.js';
import { wireServer } from '../../support/wireServer.js';

describeWith('nats-server', 'the nodes of a cluster', (program) => {
  let nats: Nats;
  let clusters = 0;
  let name: string;
  const ends: (() => unknown)[] = [];
  beforeAll(async () => {
    nats = await startNats(program);
  });
  beforeEach(() => {
    name = `rx${clusters++}`;
  });
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });
  afterAll(() => nats.close());

  /** A node of its own: a connection to NATS, and sockets. */
  async function site(node: string, options: ListenOptions<Principal | undefined> = {}, settings: Partial<NatsClusterOptions> = {}) {
    const connection = await nats.connect();
    const cluster = natsCluster({ connection, name, node, ...settings });
    const shutdown$ = new Subject<void>();
    const wires: Wire[] = [];
    const received: unknown[] = [];
    const errors: unknown[] = [];
    const rooms = hub({ log: cluster.log });
    const onWire = (wire: Wire): void => {
      wires.push(wire);
      wire.errors$.subscribe((error) => errors.push(error));
      wire.pipe(ofType('spec.said')).subscribe(({ payload }) => received.push(payload));
      rooms.serve(wire);
    };
    const server = await wireServer(onWire, { cluster, shutdown$, ...options });
    const sockets = new Set<Socket>();
    server.server.on('connection', (socket: Socket) => sockets.add(socket));
    ends.push(async () => {
      await server.close();
      await connection.close();
    });
    return { ...server, sockets, cluster, connection, wires, received, errors, shutdown$ };
  }
  type Site = Awaited<ReturnType<typeof site>>;

  /** A client that connects to the site of `at`. */
  function client(at: { url: string }, options: Partial<ConnectOptions> = {}) {
    const wire = connect({ link: (outgoing) => webSocket(at.url)(outgoing), reconnect: { initialInterval: 10, jitter: 0 }, ...options });
    ends.push(() => wire.unsubscribe());
    const received: unknown[] = [];
    wire.pipe(ofType('spec.said')).subscribe({ next: ({ payload }) => received.push(payload), error: () => undefined });
    const errors: unknown[] = [];
    const statuses: string[] = [];
    wire.errors$.subscribe((error) => errors.push(error));
    wire.state$.subscribe(({ status }) => statuses.push(status));
    return Object.assign(wire, { received, errors, statuses });
  }
  const send = (wire: Pick<Wire, 'next'>, ...payloads: unknown[]): void => {
    for (const payload of payloads) wire.next(createMessage('spec.said', payload));
  };
  const connected = (wire: Wire) =>
    firstValueFrom(
      wire.state$.pipe(
        filter(({ status }) => status === 'connected'),
        timeout(5_000),
      ),
    );
  const drop = ({ sockets }: Site): void => sockets.forEach((socket) => socket.destroy());

  it('continues the session of a client at another node, in both directions', async () => {
    const [a, b] = [await site('a'), await site('b')];
    const at = { url: a.url };
    const wire = client(at);
    await connected(wire);
    send(wire, 1, 2);
    await eventually(() => expect(a.received).toEqual([1, 2]));
    send(a.wires[0]!, 'one');
    await eventually(() => expect(wire.received).toEqual(['one']));

    at.url = b.url;
    drop(a);
    send(wire, 3);
    await eventually(() => expect(b.received).toEqual([3]));
    send(b.wires[0]!, 'two');
    await eventually(() => expect(wire.received).toEqual(['one', 'two']));
    expect([a.received, a.wires.length, b.wires.length]).toEqual([[1, 2], 1, 1]);

    at.url = a.url;
    drop(b);
    send(wire, 4);
    await eventually(() => expect(a.received).toEqual([1, 2, 4]));
  });

  it('takes a session of a dead node over with two reads and two writes of its sender, and tells claims together', async () => {
    const [a, b] = [await site('a'), await site('b')];
    const at = { url: a.url };
    const wires = Array.from({ length: 20 }, () => client(at));
    const sendAll = () => Promise.all(wires.map((wire) => wire.send(createMessage('spec.said', 1))));
    await sendAll();
    // The first session of a node opens the streams.
    at.url = b.url;
    const first = client(at);
    await first.send(createMessage('spec.said', 1));

    const published: string[] = [];
    const publish = b.connection.publish.bind(b.connection);
    b.connection.publish = (subject, ...rest) => {
      published.push(subject);
      publish(subject, ...rest);
    };
    await a.connection.close();
    drop(a);
    await sendAll();
    const count = (part: string): number => published.filter((subject) => subject.includes(part)).length;
    // The claim stores the record of the welcome; its confirmation is stored with the progress.
    expect({ reads: count('STREAM.MSG.GET'), senders: count(`${name}.session.`) }).toEqual({ reads: 40, senders: 40 });
    expect(count(`${name}.control`)).toBeLessThan(20);
    expect(b.received).toHaveLength(21);
  });

  it('ends the session at the node that the client has left, at once', async () => {
    const [a, b] = [await site('a'), await site('b')];
    const at = { url: a.url };
    const wire = client(at);
    await connected(wire);
    send(wire, 1);
    await eventually(() => expect(a.received).toEqual([1]));
    const isEnded = new BehaviorSubject(false);
    a.wires[0]!.subscribe({ complete: () => isEnded.next(true) });
    at.url = b.url;
    drop(a);
    await eventually(() => expect(b.wires).toHaveLength(1));
    await eventually(() => expect(isEnded.value).toBe(true));
    expect(a.errors).toMatchObject([{ code: 'ERR_CONNECTION_LOST' }, { code: 'ERR_STORE', fault: 'fenced' }]);
    expect(b.errors).toEqual([]);
  });

  it('delivers the messages to a client that an earlier node has stored and not delivered', async () => {
    const [a, b] = [await site('a'), await site('b')];
    const at = { url: a.url };
    const wire = client(at);
    await connected(wire);
    send(wire, 1);
    await eventually(() => expect(a.received).toEqual([1]));
    const waiting: string[] = [];
    at.url = 'ws://127.0.0.1:1/';
    drop(a);
    const payloads = Array.from({ length: 300 }, (_, index) => `late ${index}`);
    a.wires[0]!.receipts$.subscribe(({ id, status }) => status === 'queued' && waiting.push(id));
    send(a.wires[0]!, ...payloads);
    // They are stored when the node asks for their order: the outbox writes one after the other.
    await new Promise((resolve) => void setTimeout(resolve, 300));
    at.url = b.url;
    await eventually(() => expect(wire.received).toEqual(payloads));
  });

  it('lets the clients of a node that stops go elsewhere, and loses nothing', async () => {
    const [a, b] = [await site('a'), await site('b')];
    const at = { url: a.url };
    const wire = client(at);
    await connected(wire);
    send(wire, ...Array.from({ length: 100 }, (_, index) => index));
    send(a.wires[0] ?? wire, 'x');
    await eventually(() => expect(a.received.length).toBeGreaterThan(0));
    at.url = b.url;
    a.shutdown$.next();
    await eventually(() => expect(b.wires).toHaveLength(1));
    send(wire, 'last');
    await eventually(() => expect(b.received.at(-1)).toBe('last'));
    expect(new Set([...a.received, ...b.received].filter((payload) => typeof payload === 'number')).size).toBe(100);
    expect(a.received.length + b.received.length).toBeLessThanOrEqual(102);
    expect([wire.errors, a.errors, b.errors]).toEqual([[], [], []]);
  });

  it('ends the sessions of a principal at all nodes', async () => {
    const authenticate: ListenOptions<Principal>['authenticate'] = ({ token }) => ({ id: token! });
    const sites = [await site('a', { authenticate }), await site('b', { authenticate })];
    const clients = sites.flatMap(({ url }) => ['ann', 'ben'].map((token) => client({ url }, { token: () => token })));
    await Promise.all(clients.map(connected));
    clients.forEach((wire) => send(wire, 'hello'));
    await eventually(() => expect(sites.flatMap(({ received }) => received)).toHaveLength(4));
    sites[0]!.cluster.kick('ann');
    await eventually(() => expect(clients.map(({ statuses }) => statuses.at(-1))).toEqual(['error', 'connected', 'error', 'connected']));
  });

  it('throws when a principal cannot be ended, as the connection is closed', async () => {
    const connection = await nats.connect();
    const cluster = natsCluster({ connection, name });
    await connection.close();
    expect(() => cluster.kick('ann')).toThrow('the store nats cannot be used');
  });

  it('shows the nodes and their sessions', async () => {
    const [a, b] = [await site('a'), await site('b')];
    const watcher = natsCluster({ connection: await nats.connect(), name });
    const states: ClusterState[] = [];
    const watching = watcher.state$.subscribe((state) => states.push(state));
    ends.push(() => watching.unsubscribe());
    const wire = client({ url: a.url });
    await connected(wire);
    send(wire, 1);
    const described = (node: string, sessions: number) => ({ node, sessions, lag: expect.any(Number) });
    await eventually(() => expect(sorted(states.at(-1))).toEqual([described('a', 1), described('b', 0)]));
    b.stop();
    await eventually(() => expect(sorted(states.at(-1))).toEqual([described('a', 1)]));
  });
  const sorted = (state: ClusterState | undefined) => [...(state?.nodes ?? [])].sort((one, other) => one.node.localeCompare(other.node));

  it('publishes from a process without a server', async () => {
    const a = await site('a');
    const wire = client({ url: a.url });
    const said: Message[] = [];
    const news = channel(wire, 'news');
    news.subscribe((message) => said.push(message));
    const script = natsCluster({ connection: await nats.connect(), name });
    await firstValueFrom(news.state$.pipe(filter(({ status }) => status === 'joined')));
    await firstValueFrom(script.publish('news', createMessage('news.said', 'hello')));
    await eventually(() => expect(said.map(({ payload }) => payload)).toEqual(['hello']));
  });

  it.each([
    ['the outboxes of the cluster', {}],
    ['outboxes in memory', { outbox: () => memoryOutbox() }],
  ])('delivers all messages of a channel to a member that moves between the nodes, with %s', async (_, options) => {
    const sites = [await site('a', options), await site('b', options)] as const;
    const at = { url: sites[0].url };
    const wire = client(at);
    const said: unknown[] = [];
    const news = channel(wire, 'news', { from: 'start' });
    news.subscribe(({ payload }) => said.push(payload));
    await firstValueFrom(news.state$.pipe(filter(({ status }) => status === 'joined')));
    const sent = Array.from({ length: 60 }, (_one, index) => index);
    for (const index of sent) {
      await firstValueFrom(sites[1].cluster.publish('news', createMessage('news.said', index)));
      send(wire, index);
      if (index % 20 !== 10) continue;
      const from = sites[at.url === sites[0].url ? 0 : 1];
      at.url = sites[at.url === sites[0].url ? 1 : 0].url;
      drop(from);
    }
    await eventually(() => expect(said).toEqual(sent));
    await eventually(() =>
      expect([...sites[0].received, ...sites[1].received].sort((one, other) => Number(one) - Number(other))).toEqual(sent),
    );
  });

  it('reports a notice of another version, and continues', async () => {
    const reported: unknown[] = [];
    const a = await site('a', {}, { onError: (error) => void reported.push(error) });
    for (const text of ['{', '{"kind":"claimed","claims":[[1]]}', '{"kind":"dance"}']) a.connection.publish(`${name}.control`, text);
    await eventually(() => expect(reported).toHaveLength(3));
    const wire = client({ url: a.url });
    await connected(wire);
  });
});
