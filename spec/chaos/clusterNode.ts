/** A node of a cluster as a process of its own: node clusterNode.mjs <setup as JSON>. SIGTERM drains it. */
import { jetstream } from '@nats-io/jetstream';
import { connect as connectNats, type NatsConnection } from '@nats-io/transport-node';
import { once } from 'node:events';
import { appendFileSync, mkdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { defer, endWith, fromEvent, ignoreElements, ReplaySubject, retry, takeUntil, timer } from 'rxjs';
import { consume, hub, type Message, type Wire } from '../../lib/index.js';
import { natsCluster } from '../../lib/stores/nats/index.js';
import { listen, type Principal, type ServerWire } from '../../lib/server/index.js';
import { createChance } from '../simulation/chance.js';
import { createJournal } from './journal.js';
import { writeNumbers } from './numbers.js';
import type { NodeSetup, Told } from './processes.js';
import { createTraffic, type Traffic } from './traffic.js';

const setup = JSON.parse(process.argv[2] ?? '') as NodeSetup;
/** The pause between two messages of this node in a channel, in ms. */
const CHANNEL_PAUSE = 500;
const { folder, life, seed, sabotage } = setup;
const tell = (told: Told): void => void process.send?.(told);
const log = (text: string): void => appendFileSync(join(folder, 'log'), `${new Date().toISOString()} ${setup.node} ${life}: ${text}\n`);

/** A connection whose writes name no sequence that they follow: any owner may write. */
function withoutFence(connection: NatsConnection): NatsConnection {
  const request: NatsConnection['request'] = (subject, payload, options) => {
    options?.headers?.delete('Nats-Expected-Last-Subject-Sequence');
    return connection.request(subject, payload, options);
  };
  return new Proxy(connection, {
    get: (target, key) => {
      const value: unknown = key === 'request' ? request : Reflect.get(target, key);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

const servers = [...setup.nats];
const connection = await connectNats({ servers, maxReconnectAttempts: -1, reconnectTimeWait: 100, waitOnFirstConnect: true });
const cluster = natsCluster({
  connection: sabotage === 'no fence' ? withoutFence(connection) : connection,
  name: setup.name,
  node: setup.node,
  replicas: setup.replicas,
  onError: ({ code, message }) => log(`${code} ${message}`),
});
const rooms = hub({ log: cluster.log });
rooms.errors$.subscribe(({ code, message }) => log(`hub: ${code} ${message}`));
const effects = jetstream(connection, { timeout: 2_000 });
const calm$ = new ReplaySubject<void>(1);
const clients = new Map<string, Traffic>();

/** The messages to one client, over all of its wires in this process. */
function trafficOf(client: string): Traffic {
  const known = clients.get(client);
  if (known) return known;
  const place = join(folder, client);
  mkdirSync(place, { recursive: true });
  const options = { ...setup, chance: createChance(seed + clients.size), journal: createJournal(place, life), isShared: true };
  const traffic = createTraffic(options);
  clients.set(client, traffic);
  return traffic;
}

/** Stores an effect in a stream that keeps the first one with each id: a handler that runs again changes nothing. */
const store = (client: string, id: string) =>
  defer(async () => {
    const { seq } = await effects.publish(`${setup.name}.effect.${client}`, id, { msgID: `${client} ${id}` });
    // The first one is not committed yet.
    if (seq === 0) throw new Error('in progress');
  }).pipe(retry({ delay: () => timer(50) }));

const use = (wire: ServerWire<Principal>): void => {
  const client = wire.principal.id;
  if (client.startsWith('channels.')) {
    wire.errors$.subscribe(({ code, message }) => log(`${client} ${code} ${message}`));
    rooms.serve(wire);
    return;
  }
  const traffic = trafficOf(client);
  let isOver = false;
  wire.errors$.subscribe(({ code, message }) => log(`${client} ${code} ${message}`));
  const ended$ = wire.pipe(ignoreElements(), endWith(undefined));
  ended$.subscribe({ next: () => (isOver = true), error: () => undefined });
  traffic.run(wire, calm$, ended$);
  wire.pipe(consume(({ id }) => store(client, id), { concurrency: 1 })).subscribe({ error: (error: unknown) => log(String(error)) });
  const failed = (error: unknown): void => (isOver ? undefined : tell({ kind: 'failed', reason: String(error) }));
  calm$
    .pipe(takeUntil(ended$))
    .subscribe(() => void (wire as Wire).send(traffic.last()).then(() => tell({ kind: 'drained', client }), failed));
};

const server = createServer();
listen<Principal>(server, {
  cluster,
  authenticate: ({ token }) => ({ id: token ?? '' }),
  pingInterval: setup.ping,
  handshakeTimeout: 20_000,
  connectionRate: false,
  maxPerAddress: Infinity,
  onRefused: ({ code, message }) => log(`refused: ${code} ${message}`),
  shutdown$: fromEvent(process, 'SIGTERM'),
}).subscribe({ next: use, complete: () => process.exit(0) });
server.listen(setup.port, '127.0.0.1');
await once(server, 'listening');
tell({ kind: 'up', port: setup.port });

let isCalm = false;
calm$.subscribe(() => (isCalm = true));
for (const name of setup.channels) {
  const publish = (message: Message) => rooms.channel(name).send(message);
  void writeNumbers({ writer: `${setup.node}.${life}`, pause: CHANNEL_PAUSE, isCalm: () => isCalm, publish });
}

process.on('disconnect', () => process.exit());
process.on('message', () => calm$.next());
