import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createChance, type Chance } from '../simulation/chance.js';
import { pathOf } from '../support/debian.js';
import { freePort } from '../support/freePort.js';
import { startNatsCluster, type NatsServers } from '../support/nats.js';
import { startNginx } from '../support/proxies.js';
import { checkLogs, startChannels, type ChannelTotals } from './channels.js';
import { nothingDone, type Done } from './faults.js';
import { readJournals } from './journal.js';
import { createActor, createLives, createRespawned, type NodeSetup, type Respawned, type Told } from './processes.js';
import { reconcile } from './reconcile.js';
import { TIMES, type Outcome } from './round.js';
import { describeBreach, effectsIn } from './world.js';

export interface ClusterOptions {
  readonly seed: number;
  /** How long things go wrong, in ms. */
  readonly storm: number;
  readonly sabotage?: NodeSetup['sabotage'];
}

export interface ClusterOutcome extends Outcome {
  /** How long each welcome took after its hello, in ms. */
  readonly welcomes: readonly number[];
  readonly channels: ChannelTotals | undefined;
}

const NAME = 'rx';
const NODES = ['a', 'b', 'c'] as const;
const CLIENTS = 6;
const CHANNELS = Array.from({ length: 40 }, (_, index) => `room.${index}`);
/** How long it may take until all is delivered, once nothing fails any more, in ms. */
const CALM = 60_000;
const LEVELS = ['at-least-once', 'exactly-once'] as const;

type Node = Respawned & { readonly restart: () => Promise<void> };

/** Runs three nodes on three servers of NATS behind a round-robin nginx, breaks all of them, and reconciles what the clients and the nodes leave. */
export async function runCluster({ seed, storm, sabotage }: ClusterOptions): Promise<ClusterOutcome> {
  const chance = createChance(seed);
  const done = nothingDone();
  const folder = join('.tmp', 'chaos', `cluster-${process.pid}-${seed}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const nats = await startNatsCluster(pathOf('nats-server'));
  const connection = await nats.connect();
  await addEffects(connection);
  const ports = await Promise.all(NODES.map(freePort));
  const nginx = await startNginx(pathOf('nginx'), 4870, (config) => roundRobin(config, ports));
  const failures: string[] = [];
  /** How long each welcome took, in ms. */
  const welcomes: number[] = [];
  /** The sides that have sent all that they had. */
  const drained = new Set<string>();

  const lives = createLives();
  const nodes = NODES.map((node, index): Node => {
    const setup = {
      node,
      port: ports[index] as number,
      folder: join(folder, 'nodes'),
      name: NAME,
      nats: nats.urls(),
      replicas: 3,
      channels: CHANNELS,
      sabotage,
    };
    mkdirSync(setup.folder, { recursive: true });
    const hear = (told: Told): void => {
      if (told.kind === 'drained') drained.add(`to ${told.client}`);
      else if (told.kind === 'failed' && !told.reason.endsWith('ended with 0')) failures.push(`node ${node}: ${told.reason}`);
    };
    const process = createRespawned('spec/chaos/clusterNode.ts', hear);
    const restart = (): Promise<void> => {
      const life = lives();
      const plan = { levels: LEVELS, burst: 5, every: 50, payload: 200 };
      return process.start({ ...setup, ...plan, ...TIMES, nats: nats.urls(), seed: seed + life, life } satisfies NodeSetup);
    };
    return { ...process, restart };
  });
  const clients = Array.from({ length: CLIENTS }, (_, index) => {
    const token = `client${index}`;
    const plan = { levels: LEVELS, handler: 'at once', burst: 5, every: 50, payload: 200, codec: 'msgpack' } as const;
    const setup = {
      ...plan,
      ...TIMES,
      role: 'client',
      folder: join(folder, token),
      port: nginx.port,
      token,
      handshakeTimeout: 10_000,
      openTimeout: 3_000,
    } as const;
    return createActor({ ...setup, seed: seed * 100 + index, isRotating: true }, (told) => {
      if (told.kind === 'drained') drained.add(`from ${token}`);
      else if (told.kind === 'failed') failures.push(`${token}: ${told.reason}`);
      else if (told.kind === 'welcomed') welcomes.push(told.after);
    });
  });
  await Promise.all(nodes.map(({ restart }) => restart()));
  await Promise.all(clients.map((client) => client.start()));
  const channels = await startChannels(
    { ...TIMES, port: nginx.port, openTimeout: 3_000, name: NAME, nats: nats.urls(), replicas: 3, names: CHANNELS },
    (reason) => failures.push(reason),
  );

  const end = performance.now() + storm;
  while (performance.now() < end && failures.length === 0) {
    await sleep(chance.whole(0, 2_000));
    await befall(nodes, nats, chance, done);
  }
  for (const actor of [...clients, channels]) actor.calm();
  nodes.forEach((node) => node.send('calm'));
  for (let waited = 0; (drained.size < 2 * CLIENTS || !channels.totals()) && failures.length === 0; waited += 100) {
    if (waited >= CALM) failures.push(`not all is acked after ${CALM} ms: ${[...drained].join(', ')}`);
    await sleep(100);
  }
  await Promise.all([...clients, channels, ...nodes].map((actor) => actor.kill()));
  const totals = channels.totals();
  if (totals) failures.push(...(await checkLogs(connection, `${NAME}-channels`, totals)));
  const sides = await Promise.all(
    Array.from({ length: CLIENTS }, async (_, index) => {
      const client = `client${index}`;
      const place = join(folder, 'nodes', client);
      return [
        reconcile(readJournals(join(folder, client)), await effectsOf(connection, client)),
        reconcile(readdirSync(join(folder, 'nodes')).includes(client) ? readJournals(place) : [], effectsIn(folder, client), true),
      ];
    }),
  );
  await nginx.close();
  await nats.close();
  const results = sides.flat();
  failures.push(...results.flatMap(({ breaches }) => breaches.map(describeBreach)));
  if (failures.length === 0) rmSync(folder, { recursive: true });
  return { seed, done, failures, tallies: results.map(({ tallies }) => tallies), folder, welcomes, channels: totals };
}

/** Does one thing to the cluster; at the end all run. */
async function befall(nodes: readonly Node[], nats: NatsServers, { pick, whole, hit }: Chance, done: Done): Promise<void> {
  const node = pick(nodes);
  switch (pick(['kill', 'freeze', 'freeze', 'wake and kill', 'wake and kill', 'drain', 'drain', 'kill broker'] as const)) {
    case 'kill':
      done.kills++;
      await node.kill();
      await sleep(whole(0, 1_500));
      await node.restart();
      return;
    case 'wake and kill': {
      // The next owner reads all that a frozen owner writes when it wakes up.
      const others = nodes.filter((one) => one !== node);
      done.freezes++;
      node.signal('SIGSTOP');
      await sleep(whole(1_000, 3_000));
      node.signal('SIGCONT');
      await sleep(whole(0, 300));
      done.kills += others.length;
      await Promise.all(others.map((one) => one.kill()));
      await Promise.all(others.map((one) => one.restart()));
      return;
    }
    case 'freeze':
      done.freezes++;
      node.signal('SIGSTOP');
      await sleep(whole(500, 4_000));
      node.signal('SIGCONT');
      return;
    case 'drain':
      done.drains++;
      node.signal('SIGTERM');
      await node.ended();
      await node.restart();
      return;
    case 'kill broker': {
      if (hit(0.5)) return;
      done.brokerKills++;
      const server = pick(nats.servers);
      await server.kill();
      await sleep(whole(500, 8_000));
      await server.start();
    }
  }
}

/** The nodes take turns; one that does not answer, or stops, is passed over. */
function roundRobin(config: string, ports: readonly number[]): string {
  const servers = ports.map((port) => `server 127.0.0.1:${port} max_fails=0;`).join('\n');
  return config
    .replace('server 127.0.0.1:4870;', servers)
    .replace('proxy_pass http://wires;', 'proxy_pass http://wires; proxy_connect_timeout 1s; proxy_next_upstream error http_503;');
}

/** A stream that keeps the first message with each id. */
async function addEffects(connection: NatsConnection): Promise<void> {
  const { streams } = await jetstreamManager(connection);
  await streams.add({ name: `${NAME}-effects`, subjects: [`${NAME}.effect.*`], num_replicas: 3, duplicate_window: 3_600_000_000_000 });
}

/** Reads the effects of the messages of a client, in order. */
async function effectsOf(connection: NatsConnection, client: string): Promise<readonly string[]> {
  const consumer = await jetstream(connection).consumers.get(`${NAME}-effects`, { filter_subjects: `${NAME}.effect.${client}` });
  const names: string[] = [];
  const { num_pending: count } = await consumer.info();
  if (count === 0) return names;
  for await (const message of await consumer.consume()) {
    names.push(message.string());
    if (message.info.pending === 0) break;
  }
  return names;
}
