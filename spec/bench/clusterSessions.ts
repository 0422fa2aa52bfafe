import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { defer, filter, firstValueFrom, noop, Subject, tap, timeout } from 'rxjs';
import { percentiles } from '../../lib/adapters/cli/printable.js';
import { connect, createMessage, webSocket, type Frame, type Link, type Wire } from '../../lib/index.js';
import { natsCluster } from '../../lib/stores/nats/index.js';
import { listen } from '../../lib/server/index.js';
import { pathOf } from '../support/debian.js';
import { startNatsCluster, type NatsServers } from '../support/nats.js';
import { median, perSecond, type Result, type Suite } from './bench.js';

/** A node of a cluster in this process, whose clients can be cut off. */
async function startNode(nats: NatsServers, node: string, onWire: (wire: Wire) => void = noop) {
  const connection = await nats.connect({ noAsyncTraces: true });
  const cluster = natsCluster({ connection, name: 'bench', node, replicas: 3 });
  const server: Server = createServer();
  const sockets = new Set<Socket>();
  const shutdown$ = new Subject<void>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  const options = { cluster, shutdown$, connectionRate: false, maxDetached: 100_000, maxConnections: 100_000 } as const;
  listen(server, options).subscribe((wire) => {
    wire.subscribe(noop);
    onWire(wire);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/wire`,
    shutdown$,
    cut: (): void => sockets.forEach((socket) => socket.destroy()),
  };
}

/** A link that notes how long each welcome takes, in ms: from the hello, and from the bye of the last connection. */
function timedLink(at: { url: string }, sinceHello: number[], sinceBye: number[] = []): Link<Frame> {
  let byeAt: number | undefined;
  return (outgoing) =>
    defer(() => {
      let [helloAt, hasWelcome]: [number | undefined, boolean] = [undefined, false];
      const note = (frame: Frame): void => {
        if (typeof frame === 'string' && frame.startsWith('["bye"')) byeAt = performance.now();
        if (hasWelcome || helloAt === undefined) return;
        hasWelcome = true;
        sinceHello.push(performance.now() - helloAt);
        if (byeAt !== undefined) sinceBye.push(performance.now() - byeAt);
        byeAt = undefined;
      };
      return webSocket(at.url)(outgoing.pipe(tap(() => (helloAt ??= performance.now())))).pipe(tap(note));
    });
}

const connected = (wire: Wire): Promise<unknown> =>
  firstValueFrom(
    wire.state$.pipe(
      filter(({ status }) => status === 'connected'),
      timeout(60_000),
    ),
  );

function withinP99(name: string, times: readonly number[], goal: number): Result {
  const { p50, p99 } = percentiles(times);
  return within(name, p99, goal, `${p50.toFixed(1)} / ${p99.toFixed(1)} ms`);
}

function within(name: string, value: number, goal: number, ours = `${value.toFixed(1)} ms`): Result {
  return {
    name,
    baseline: 'goal',
    ours,
    theirs: `${goal} ms`,
    ratio: value / goal,
    min: value / goal,
    max: value / goal,
    goal: 1,
    isCost: true,
  };
}

/** Clients that move to and fro between two nodes. */
async function takeOvers(): Promise<Result> {
  const nats = await startNatsCluster(pathOf('nats-server'));
  const nodes = [await startNode(nats, 'a'), await startNode(nats, 'b')] as const;
  const at: { url: string } = { url: nodes[0].url };
  const times: number[] = [];
  const wires = Array.from({ length: 10 }, () => connect({ link: timedLink(at, times), reconnect: { initialInterval: 5, jitter: 1 } }));
  for (const wire of wires) wire.subscribe(noop);
  await Promise.all(wires.map(connected));
  await Promise.all(wires.map((wire) => wire.send(createMessage('bench', 1))));
  times.length = 0;
  for (let move = 1; move <= 40; move++) {
    const here = nodes[(move - 1) % 2] as (typeof nodes)[number];
    at.url = (nodes[move % 2] as (typeof nodes)[number]).url;
    here.cut();
    await Promise.all(wires.map((wire) => wire.send(createMessage('bench', move))));
  }
  await nats.close();
  return withinP99('take-over, hello to welcome, p99', times, 50);
}

/** Clients of a node that stops in order. */
async function drains(): Promise<Result> {
  const nats = await startNatsCluster(pathOf('nats-server'));
  const [a, b] = [await startNode(nats, 'a'), await startNode(nats, 'b')];
  const at = { url: a.url };
  const times: number[] = [];
  const wires = Array.from({ length: 200 }, () => connect({ link: timedLink(at, [], times) }));
  for (const wire of wires) wire.subscribe(noop);
  await Promise.all(wires.map((wire) => wire.send(createMessage('bench', 1))));
  at.url = b.url;
  a.shutdown$.next();
  while (times.length < wires.length) await sleep(10);
  await nats.close();
  return withinP99('drain of 200 clients, bye to welcome, p99', times, 100);
}

/** All clients of a node that has died. */
async function deadNode(count: number): Promise<Result> {
  const nats = await startNatsCluster(pathOf('nats-server'));
  const [a, b] = [await startNode(nats, 'a'), await startNode(nats, 'b')];
  const at = { url: a.url };
  const reconnect = { initialInterval: 200, jitter: 1 };
  const wires: Wire[] = [];
  for (let index = 0; index < count; index++) {
    const wire = connect({ link: (outgoing) => webSocket(at.url)(outgoing), reconnect });
    wire.subscribe(noop);
    wires.push(wire);
    if (index % 100 === 99) await Promise.all(wires.slice(-100).map((one) => one.send(createMessage('bench', 1))));
  }
  at.url = b.url;
  const start = performance.now();
  a.cut();
  await Promise.all(wires.map((wire) => wire.send(createMessage('bench', 2))));
  const time = performance.now() - start;
  await nats.close();
  return within(`${count.toLocaleString('en')} sessions of a dead node go on`, time, 3_000, `${time.toFixed(0)} ms`);
}

/** One session that sends as fast as its messages are committed. */
async function oneSession(): Promise<Result> {
  const nats = await startNatsCluster(pathOf('nats-server'));
  const a = await startNode(nats, 'a');
  const wire = connect({ link: webSocket(a.url), maxQueued: 100_000 });
  wire.subscribe(noop);
  await wire.send(createMessage('bench', 0));
  const count = 20_000;
  const rates: number[] = [];
  for (let round = 0; round < 6; round++) {
    const start = performance.now();
    for (let index = 0; index < count - 1; index++) wire.next(createMessage('bench', 'x'.repeat(100)));
    await wire.send(createMessage('bench', 'last'));
    rates.push((1_000 * count) / (performance.now() - start));
  }
  await nats.close();
  const goal = 20_000;
  const [rate, least, most] = [median(rates), Math.min(...rates), Math.max(...rates)];
  const shared = { name: 'one session, messages committed', baseline: 'goal', theirs: perSecond(goal), goal: 1 };
  return { ...shared, ours: perSecond(rate), ratio: rate / goal, min: least / goal, max: most / goal };
}

export const sessions: Suite = [takeOvers, drains, () => deadNode(1_000), oneSession];
