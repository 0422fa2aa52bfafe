import { setTimeout as sleep } from 'node:timers/promises';
import { filter, firstValueFrom, from, of } from 'rxjs';
import { percentile } from '../../lib/adapters/cli/printable.js';
import { channel, connect, hub, memoryLink, type Channel, type Frame, type Presence } from '../../lib/index.js';
import { steadyScheduler } from '../../lib/message/steadyScheduler.js';
import { createNatsContext } from '../../lib/stores/nats/natsContext.js';
import { createPresenceNode } from '../../lib/stores/nats/presenceNode.js';
import { serve } from '../../lib/server/index.js';
import { pathOf } from '../support/debian.js';
import { startNats, type Nats } from '../support/nats.js';
import type { Result } from './bench.js';

const CHANNEL = 'room.1';
const NODES = 3;
const MEMBERS = 1_000;
/** The members of a node that dies. */
const MANY = 10_000;
const CHANGES = 500;
const IDLE = 10_000;

/** A node with its own connection and hub, and a client that watches the channel. */
async function startNode(nats: Nats) {
  const connection = await nats.connect();
  const settings = { name: 'rx', replicas: 1, storage: 'memory', timeout: 5_000, scheduler: steadyScheduler() } as const;
  const onError = (error: Error): void => console.error(error.message);
  const rooms = hub({ presence: createPresenceNode(createNatsContext({ ...settings, connection, onError })) });
  const dial = () => {
    const [near, far] = memoryLink<Frame>();
    serve(of(far)).subscribe(rooms.serve);
    return connect({ link: near });
  };
  const watcher = channel(dial(), CHANNEL);
  const states = new Map<unknown, number>();
  watcher.presence$.subscribe(({ updated }) => updated.forEach(({ state }) => states.set(state, performance.now())));
  await firstValueFrom(watcher.state$.pipe(filter(({ status }) => status === 'joined')));
  const join = (count: number): void => {
    const links = Array.from({ length: count }, () => memoryLink<Frame>());
    serve(from(links.map(([, far]) => far))).subscribe((wire) => {
      rooms.serve(wire);
      rooms.join(wire, CHANNEL);
    });
    for (const [near] of links) connect({ link: near });
  };
  return { connection, watcher, states, join };
}

type Node = Awaited<ReturnType<typeof startNode>>;

const present = (watcher: Channel, count: number): Promise<Presence> =>
  firstValueFrom(watcher.presence$.pipe(filter(({ members }) => members.length === count)));

/** The times until all watchers have received a change of a state, in ms, in their order. */
async function measureChanges(nodes: readonly Node[]): Promise<readonly number[]> {
  const times: number[] = [];
  for (let change = 1; change <= CHANGES; change++) {
    const begun = performance.now();
    nodes[change % NODES]?.watcher.updatePresence(change);
    while (!nodes.every(({ states }) => states.has(change))) await sleep(1);
    times.push(Math.max(...nodes.map(({ states }) => states.get(change) ?? Infinity)) - begun);
    await sleep(Math.random() * 20);
  }
  return times.sort((a, b) => a - b);
}

/** The bytes that a node sends and receives in a second, without the lines of the protocol of NATS. */
async function measureIdle({ connection }: Node): Promise<readonly [sent: number, received: number]> {
  const before = { ...connection.stats() };
  await sleep(IDLE);
  const after = connection.stats();
  return [((after.outBytes - before.outBytes) / IDLE) * 1_000, ((after.inBytes - before.inBytes) / IDLE) * 1_000];
}

/** The time until the other nodes have only `rest` members, when the first node dies, in ms. */
async function measureDeath([dead, ...others]: readonly Node[], rest: number): Promise<number> {
  const left = Promise.all(others.map(({ watcher }) => present(watcher, rest)));
  const killed = performance.now();
  // As `kill -9` does, it ends the TCP connection, and says no bye.
  await dead?.connection.close();
  await left;
  return performance.now() - killed;
}

/** The same time, for one node with many members, and others with none but their watchers. */
export async function measureManyGone(): Promise<number> {
  const nats = await startNats(pathOf('nats-server'));
  const nodes = await Promise.all(Array.from({ length: NODES }, () => startNode(nats)));
  const joined = Promise.all(nodes.map(({ watcher }) => present(watcher, MANY + NODES)));
  nodes[0]?.join(MANY);
  await joined;
  await sleep(5_000);
  const gone = await measureDeath(nodes, NODES - 1);
  await nats.close();
  return gone;
}

/** A cost, compared with its goal. */
function cost(name: string, value: number, goal: number, unit: string): Result {
  const text = (count: number): string => `${count < 100 ? count.toPrecision(3) : Math.round(count).toLocaleString('en')} ${unit}`;
  const ratio = value / goal;
  return { name, baseline: 'the goal', ours: text(value), theirs: text(goal), ratio, min: ratio, max: ratio, goal: 1, isCost: true };
}

/** Presence of 3 nodes with 1,000 members each in one channel: a change, idle traffic, a burst of joins, and a node that dies without a word. */
export async function clusterPresence(): Promise<readonly Result[]> {
  const nats = await startNats(pathOf('nats-server'));
  const nodes = await Promise.all(Array.from({ length: NODES }, () => startNode(nats)));
  const all = NODES * (MEMBERS + 1);
  const sent = (): number => nodes.reduce((sum, { connection }) => sum + connection.stats().outMsgs, 0);
  const sentBefore = sent();
  const joined = Promise.all(nodes.map(({ watcher }) => present(watcher, all)));
  for (const { join } of nodes) join(MEMBERS);
  await joined;
  const messages = sent() - sentBefore;
  await sleep(5_000);

  const times = await measureChanges(nodes);
  await sleep(5_000);
  const [out, received] = await measureIdle(nodes[0] as Node);

  const gone = await measureDeath(nodes, all - MEMBERS - 1);
  await nats.close();
  const manyGone = await measureManyGone();

  const title = `${NODES} nodes × ${MEMBERS.toLocaleString('en')} members`;
  return [
    cost(`${title}: a change is seen everywhere, p50`, percentile(times, 0.5), 100, 'ms'),
    cost(`${title}: a change is seen everywhere, p99`, percentile(times, 0.99), 100, 'ms'),
    cost(`${title}: a node sends while nothing changes`, out, 1_024, 'B/s'),
    cost(`${title}: a node receives while nothing changes`, received, 1_024, 'B/s'),
    cost(`${title}: the members of a dead node are gone`, gone, 5_000, 'ms'),
    cost(`${NODES} nodes, one × ${MANY.toLocaleString('en')} members: the members of the dead node are gone`, manyGone, 5_000, 'ms'),
    cost(`${title}: all join at once, messages of all nodes`, messages, 300, 'messages'),
  ];
}
