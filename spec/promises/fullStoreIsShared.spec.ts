import type { Socket } from 'node:net';
import { firstValueFrom, Subject } from 'rxjs';
import { connect, createMessage, ofType, webSocket } from '../../lib/index.js';
import { natsCluster } from '../../lib/stores/nats/index.js';
import type { Credentials, Principal } from '../../lib/server/principal.js';
import type { Wire } from '../../lib/wire/wire.js';
import { describeWith } from '../support/debian.js';
import { eventually } from '../support/eventually.js';
import { startNats, type Nats } from '../support/nats.js';
import { wireServer } from '../support/wireServer.js';

const NOWHERE = 'ws://127.0.0.1:1/';
const messageOf = (number: number) => createMessage('spec.sent', { number, filling: 'x'.repeat(150_000) });

describeWith('nats-server', 'a cluster whose outboxes one principal has filled', (program) => {
  let nats: Nats;
  const ends: (() => unknown)[] = [];
  beforeAll(async () => {
    nats = await startNats(program);
  });
  afterAll(async () => {
    for (const end of ends.reverse()) await end();
    await nats.close();
  });

  /** A node, the wires of its clients, and what it reports. */
  async function site(node: string) {
    const errors: string[] = [];
    const wires$ = new Subject<Wire>();
    const connection = await nats.connect();
    const cluster = natsCluster({ connection, name: 'full', node, maxTotalBytes: 3_000_000, onError: ({ text }) => errors.push(text) });
    const authenticate = ({ token }: Credentials): Principal => ({ id: token ?? '' });
    const server = await wireServer((wire) => wires$.next(wire), { cluster, authenticate });
    const sockets = new Set<Socket>();
    server.server.on('connection', (socket: Socket) => sockets.add(socket));
    ends.push(server.close);
    return { url: server.url, wires$, errors, drop: () => sockets.forEach((socket) => socket.destroy()) };
  }

  it('loses messages for those clients of the principal that are gone longest, and none of others', async () => {
    const [a, b] = [await site('a'), await site('b')];
    const client = async (token: string) => {
      const at = { url: a.url };
      const opened = firstValueFrom(a.wires$);
      const wire = connect({
        link: (outgoing) => webSocket(at.url)(outgoing),
        token: () => token,
        reconnect: { initialInterval: 10, jitter: 0 },
      });
      ends.push(() => wire.unsubscribe());
      const received: number[] = [];
      wire.pipe(ofType('spec.sent')).subscribe(({ payload }) => received.push((payload as { readonly number: number }).number));
      const there = await opened;
      await there.send(messageOf(0));
      return { at, wire, there, received };
    };
    type Client = Awaited<ReturnType<typeof client>>;
    const leave = async ({ at, wire }: Client): Promise<void> => {
      at.url = NOWHERE;
      a.drop();
      await eventually(() => expect(wire.state.status).toBe('reconnecting'));
    };
    /** Sends a message to an absent client. Resolves with whether it is stored. */
    const store = ({ there }: Client, number: number): Promise<boolean> =>
      new Promise((resolve) => {
        const message = messageOf(number);
        there.receipts$.subscribe(({ id, status }) => {
          if (id === message.id && (status === 'stored' || status === 'dead')) resolve(status === 'stored');
        });
        there.next(message);
      });

    const modest = await client('modest');
    await leave(modest);
    expect([await store(modest, 1), await store(modest, 2)]).toEqual([true, true]);
    const greedy = [await client('greedy'), await client('greedy')] as const;
    for (const one of greedy) await leave(one);
    for (let number = 1; number <= 13; number++) expect(await store(greedy[0], number)).toBe(true);
    expect(await store(greedy[1], 1)).toBe(true);
    const healthy = await client('healthy');
    for (let number = 1; number <= 4; number++) await healthy.there.send(messageOf(number));
    expect(a.errors).toEqual(['the store nats has no room']);

    for (const { at } of [modest, ...greedy]) at.url = b.url;
    await eventually(() => expect([modest, ...greedy, healthy].map(({ received }) => received.at(-1))).toEqual([2, 13, 1, 4]));
    // An outbox keeps its latest entry.
    expect([modest, ...greedy, healthy].map(({ received }) => received)).toEqual([
      [0, 1, 2],
      [0, 13],
      [0, 1],
      [0, 1, 2, 3, 4],
    ]);
  }, 30_000);
});
