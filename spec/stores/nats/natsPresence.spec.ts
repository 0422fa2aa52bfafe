import { filter, firstValueFrom, from } from 'rxjs';
import { channel } from '../../../lib/operators/channels/channel.js';
import { hub } from '../../../lib/server/hub/hub.js';
import type { RxwireError } from '../../../lib/message/errors.js';
import { steadyScheduler } from '../../../lib/message/steadyScheduler.js';
import { webSocket } from '../../../lib/io/webSocket.js';
import { natsCluster, type NatsConnection } from '../../../lib/stores/nats/index.js';
import { createNatsContext } from '../../../lib/stores/nats/natsContext.js';
import { createPresenceNode } from '../../../lib/stores/nats/presenceNode.js';
import type { Principal, ServerWire } from '../../../lib/server/principal.js';
import { connect } from '../../../lib/wire/connect.js';
import { describeWith } from '../../support/debian.js';
import { eventually } from '../../support/eventually.js';
import { startNats, startNatsCluster, type Nats } from '../../support/nats.js';
import { record } from '../../support/record.js';
import { tcpProxy } from '../../support/tcpProxy.js';
import { wireServer } from '../../support/wireServer.js';

const CHANNEL = 'room.1';
/** A dead node is found within 4 s, and a busy machine takes longer. */
const DEAD = 8_000;

describeWith('nats-server', 'presence of several servers by NATS', (program) => {
  let nats: Nats;
  const ends: (() => unknown)[] = [];
  beforeEach(async () => {
    nats = await startNats(program);
  });
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
    await nats.close();
  });

  const presenceOf = (connection: NatsConnection, onError: (error: RxwireError) => void) => {
    const settings = { name: 'rx', replicas: 1, storage: 'memory', timeout: 5_000, scheduler: steadyScheduler() } as const;
    return createPresenceNode(createNatsContext({ ...settings, connection, onError }));
  };
  /** A server of its own: a connection to NATS, a hub, and sockets. */
  async function site(connection?: NatsConnection) {
    const nc = connection ?? (await nats.connect());
    const errors: RxwireError[] = [];
    const presence = presenceOf(nc, (error) => errors.push(error));
    const rooms = hub({ presence, identify: (wire) => (wire as ServerWire<Principal>).principal.id });
    const server = await wireServer(rooms.serve, { authenticate: ({ token = '' }) => ({ id: token }) });
    ends.push(() => presence.close(), server.close);
    return { connection: nc, presence, rooms, errors, url: server.url };
  }
  /** A client in the channel; its members as it sees them. */
  async function member(at: { url: string }, id: string) {
    const wire = connect({ link: webSocket(at.url), token: id });
    ends.push(() => wire.unsubscribe());
    const room = channel(wire, CHANNEL);
    const seen = record(room.presence$);
    await firstValueFrom(room.state$.pipe(filter(({ status }) => status === 'joined')));
    const states = (): Record<string, unknown> =>
      Object.fromEntries((seen.values.at(-1)?.members ?? []).map(({ id: of, state }) => [of, state ?? null]));
    return { room, seen, states, leave: () => seen.subscription.unsubscribe() };
  }
  type Member = Awaited<ReturnType<typeof member>>;
  const allSee = (members: readonly Member[], states: Record<string, unknown>, within?: number) =>
    eventually(() => expect(members.map((one) => one.states())).toEqual(members.map(() => states)), within);

  it('shares the members of all nodes: joins, states, members at two nodes, and leaves', async () => {
    const [one, two, three] = [await site(), await site(), await site()];
    const [ada, bob] = [await member(one, 'ada'), await member(two, 'bob')];
    ada.room.updatePresence({ caret: 1 });
    await allSee([ada, bob], { ada: { caret: 1 }, bob: null });
    const cy = await member(three, 'cy');
    await allSee([ada, bob, cy], { ada: { caret: 1 }, bob: null, cy: null });
    const again = await member(three, 'ada');
    await allSee([again], { ada: { caret: 1 }, bob: null, cy: null });
    again.room.updatePresence({ caret: 2 });
    await allSee([ada, bob, cy, again], { ada: { caret: 2 }, bob: null, cy: null });
    ada.leave();
    cy.leave();
    await allSee([bob, again], { ada: { caret: 2 }, bob: null });
    again.leave();
    await allSee([bob], { bob: null });
    expect(bob.seen.values.flatMap(({ left }) => left.map(({ id }) => id))).toEqual(['cy', 'ada']);
    expect([one, two, three].flatMap(({ errors }) => errors)).toEqual([]);
  });

  it('lets a server see the members of all', async () => {
    const [one, two] = [await site(), await site()];
    const seen = record(one.rooms.channel(CHANNEL).presence$);
    const bob = await member(two, 'bob');
    await eventually(() => expect(seen.values.at(-1)?.members).toEqual([{ id: 'bob' }]));
    bob.leave();
    await eventually(() => expect(seen.values.at(-1)?.left).toEqual([{ id: 'bob' }]));
    seen.subscription.unsubscribe();
  });

  it('removes the members of a server that says bye at once, and of one that dies within seconds', async () => {
    const [one, two, three] = [await site(), await site(), await site()];
    const [ada] = [await member(one, 'ada'), await member(two, 'bob'), await member(three, 'cy')];
    await allSee([ada], { ada: null, bob: null, cy: null });
    two.presence.close();
    await allSee([ada], { ada: null, cy: null });
    await three.connection.close();
    await allSee([ada], { ada: null }, DEAD);
  });

  it('finds a lost delta by the next heartbeat', async () => {
    const [one, two] = [await site(), await site()];
    const [ada, bob] = [await member(one, 'ada'), await member(two, 'bob')];
    await allSee([ada, bob], { ada: null, bob: null });
    const publish = one.connection.publish.bind(one.connection);
    const lost: string[] = [];
    one.connection.publish = (subject, ...rest) => {
      if (subject.includes('.channel.') && lost.length === 0) lost.push(subject);
      else publish(subject, ...rest);
    };
    ada.room.updatePresence(1);
    await allSee([ada, bob], { ada: 1, bob: null });
    expect(lost).toEqual(['rx.presence.channel.room=1']);
  });

  it('keeps its members while it is disconnected, and receives the changes when it returns', async () => {
    const one = await site();
    const proxy = await tcpProxy(one.connection.info?.port ?? 0);
    ends.push(proxy.close);
    const two = await site(await nats.connect({ servers: [`127.0.0.1:${proxy.port}`] }));
    const [ada, bob] = [await member(one, 'ada'), await member(two, 'bob')];
    await allSee([ada, bob], { ada: null, bob: null });
    const disconnected = firstValueFrom(from(two.connection.status()).pipe(filter(({ type }) => type === 'disconnect')));
    proxy.refuse();
    proxy.cut();
    await disconnected;
    const cy = await member(two, 'cy');
    bob.room.updatePresence(1);
    await allSee([bob, cy], { ada: null, bob: 1, cy: null });
    ada.room.updatePresence(2);
    // The others do not know whether it is dead.
    await allSee([ada], { ada: 2 }, DEAD);
    expect(bob.states()).toEqual({ ada: null, bob: 1, cy: null });
    await proxy.accept();
    await allSee([ada, bob, cy], { ada: 2, bob: 1, cy: null });
    expect(bob.seen.values.flatMap(({ left }) => left)).toEqual([]);
  });

  it('keeps all members while NATS is killed and restarted', async () => {
    const [one, two] = [await site(), await site()];
    const [ada, bob] = [await member(one, 'ada'), await member(two, 'bob')];
    await allSee([ada, bob], { ada: null, bob: null });
    const lost = [one, two].map(({ connection }) =>
      firstValueFrom(from(connection.status()).pipe(filter(({ type }) => type === 'disconnect'))),
    );
    await nats.kill();
    await Promise.all(lost);
    ada.room.updatePresence(1);
    const cy = await member(two, 'cy');
    await allSee([bob, cy], { ada: null, bob: null, cy: null });
    await nats.start();
    await allSee([ada, bob, cy], { ada: 1, bob: null, cy: null }, DEAD);
    expect([ada, bob].flatMap(({ seen }) => seen.values.flatMap(({ left }) => left))).toEqual([]);
  });

  it('loses no member when one of several nats-servers is killed', async () => {
    const servers = await startNatsCluster(program);
    ends.push(servers.close);
    const urls = servers.urls();
    const sites = await Promise.all(
      urls.map(async (url) => {
        const connection = await servers.connect({ servers: [url, ...urls.filter((other) => other !== url)], noRandomize: true });
        return site(connection);
      }),
    );
    const members = await Promise.all(sites.map((at, index) => member(at, `m${index}`)));
    await allSee(members, { m0: null, m1: null, m2: null }, DEAD);
    await servers.servers[0]?.kill();
    members[1]?.room.updatePresence(1);
    members[0]?.room.updatePresence(0);
    await allSee(members, { m0: 0, m1: 1, m2: null }, DEAD);
    expect(members.flatMap(({ seen }) => seen.values.flatMap(({ left }) => left))).toEqual([]);
  });

  it('shows a large channel, of which NATS takes a part at a time', async () => {
    const [one, two] = [presenceOf(await nats.connect(), fail), presenceOf(await nats.connect(), fail)];
    ends.push(
      () => one.close(),
      () => two.close(),
    );
    const entered = Array.from({ length: 10_000 }, (_, index) => ({ id: `m${index}`, info: { name: 'x'.repeat(100) } }));
    one.publish(CHANNEL, { entered, left: [], updated: [] });
    expect(await firstValueFrom(two.changes(CHANNEL))).toEqual({ entered, left: [], updated: [] });
  });

  it('refuses a connection that does not receive its own messages', async () => {
    const connection = await nats.connect({ noEcho: true });
    expect(() => natsCluster({ connection })).toThrow(TypeError);
  });
});

function fail(error: RxwireError): never {
  throw error;
}
