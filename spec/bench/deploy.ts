import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { io } from 'socket.io-client';
import { percentiles } from '../../lib/adapters/cli/printable.js';
import { connect, createMessage, webSocket } from '../../lib/index.js';
import { pathOf } from '../support/debian.js';
import { freePort } from '../support/freePort.js';
import { startNatsCluster } from '../support/nats.js';
import type { Result, Suite } from './bench.js';
import type { DeployClientsReports } from './clients/deployClients.js';
import { startRemote } from './remote.js';
import type { DeployedReports } from './servers/deployed.js';

/** The clients that come back at once. Each needs a file of the server and one of the client. */
const CLIENTS = Number(process.env['BENCH_CLIENTS'] ?? 10_000);
/** How long a new version of the server takes to start. */
const RESTART = 500;

const startDeployed = async (port: number, path: string, brokers: readonly string[] = [], program = 'spec/bench/servers/deployed.ts') => {
  const server = startRemote<DeployedReports>('the server', program, [String(port), path, ...brokers]);
  await server.next('ready');
  return server;
};

function within(name: string, value: number, goal: number, unit: string, digits = 0): Result {
  const ratio = value / goal;
  const shared = { baseline: 'goal', theirs: `${goal} ${unit}`, ratio, min: ratio, max: ratio, goal: 1, isCost: true };
  return { name, ours: `${value.toFixed(digits)} ${unit}`, ...shared };
}

const usageOf = async (server: Awaited<ReturnType<typeof startDeployed>>) => {
  server.send('usage');
  return server.next('usage');
};

/** The case and its costs, in ms of CPU time and s. */
interface Returned {
  readonly name: string;
  readonly cpu: number;
  readonly cpuGoal: number;
  readonly seconds: number;
  readonly report: DeployClientsReports['back'];
  readonly times: readonly number[];
  readonly mostLost: number;
}

/** The rows that all cases have: how the clients came back. */
function returned({ name, cpu, cpuGoal, seconds, report, times, mostLost }: Returned): readonly Result[] {
  const { most, attempts, lost } = report;
  const count = CLIENTS.toLocaleString('en');
  return [
    within(`${name}: CPU time until ${count} are back, in ${seconds.toFixed(1)} s`, cpu / 1_000, cpuGoal, 's', 1),
    within(`${name}: attempts of a client, at most (${(attempts / CLIENTS).toFixed(1)} on average)`, most, 3, ''),
    within(`${name}: messages of others meanwhile, p99`, percentiles(times).p99, 100, 'ms'),
    within(`${name}: sessions that were lost`, lost, mostLost, ''),
  ];
}

/** A client that was not connected before. */
interface Neighbour {
  /** Sends a message. Resolves with its ack. */
  readonly send: () => Promise<unknown>;
  readonly close: () => void;
}

function rxwireNeighbour(url: string): Neighbour {
  const wire = connect({ link: webSocket(url), reconnect: { initialInterval: 20, maxInterval: 50 } });
  wire.subscribe();
  return { send: () => wire.send(createMessage('bench.item', 'x')), close: () => wire.unsubscribe() };
}
function socketIoNeighbour(url: string): Neighbour {
  const socket = io(new URL(url).origin, { transports: ['websocket'], reconnectionDelay: 20, reconnectionDelayMax: 50 });
  return { send: () => socket.emitWithAck('message', createMessage('bench.item', 'x')), close: () => void socket.close() };
}

/** Sends one message after the other until `done`, and returns the times until the acks, in ms. */
async function latenciesOf({ send, close }: Neighbour, done: Promise<unknown>): Promise<readonly number[]> {
  const times: number[] = [];
  let isDone = false;
  const finish = (): void => void (isDone = true);
  done.then(finish, finish);
  await send();
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- changes meanwhile
  while (!isDone) {
    const begun = performance.now();
    await send();
    times.push(performance.now() - begun);
    await sleep(5);
  }
  close();
  return times;
}

/** The programs of a library, and its client that is measured meanwhile. */
interface Library {
  readonly name: string;
  readonly server: string;
  readonly clients: string;
  readonly neighbour: (url: string) => Neighbour;
}
const rxwire: Library = {
  name: '',
  server: 'spec/bench/servers/deployed.ts',
  clients: 'spec/bench/clients/deployClients.ts',
  neighbour: rxwireNeighbour,
};
const socketIo: Library = {
  name: 'socket.io, ',
  server: 'spec/bench/servers/deployedSocketIo.ts',
  clients: 'spec/bench/clients/deploySocketIoClients.ts',
  neighbour: socketIoNeighbour,
};

/** A server stops, and another one takes its place: with its data if it has a store. */
async function deploy(how: 'drained' | 'killed', isDurable: boolean, cpuGoal: number, library = rxwire): Promise<readonly Result[]> {
  const port = await freePort();
  const path = isDurable ? mkdtempSync(join(tmpdir(), 'rxwire-bench-')) : '';
  const url = `ws://127.0.0.1:${port}/wire`;
  const start = () => startDeployed(port, path, [], library.server);
  const old = await start();
  const clients = startRemote<DeployClientsReports>('the clients', library.clients, [String(CLIENTS), url]);
  await clients.next('ready');
  const before = await usageOf(old);
  clients.send('watch');
  await clients.next('ready');
  const back = clients.next('back');
  const gone = old.exited;
  if (how === 'drained') old.send('drain');
  else void old.stop();
  await gone;
  await sleep(RESTART);
  const server = await start();
  clients.send('up');
  const begun = performance.now();
  const latencies = latenciesOf(library.neighbour(url), back);
  const report = await back;
  const seconds = (performance.now() - begun) / 1_000;
  const times = await latencies;
  const { cpu } = await usageOf(server);
  await sleep(10_000);
  const after = await usageOf(server);
  await Promise.all([clients.stop(), server.stop()]);
  if (isDurable) rmSync(path, { recursive: true, force: true });
  const name = `${library.name}${how}${isDurable ? ', on LMDB' : ''}`;
  return [
    ...returned({ name, cpu, cpuGoal, seconds, report, times, mostLost: isDurable ? 0.5 : CLIENTS }),
    within(`${name}: memory of the server, of that before`, after.rss / before.rss, 1.25, '×', 2),
  ];
}

/** One of three nodes of a cluster is killed, with all clients; the others take its sessions over. */
async function deadNode(cpuGoal: number): Promise<readonly Result[]> {
  const nats = await startNatsCluster(pathOf('nats-server'));
  const ports = [await freePort(), await freePort(), await freePort()];
  const urls = ports.map((port) => `ws://127.0.0.1:${port}/wire`);
  const nodes = await Promise.all(ports.map((port) => startDeployed(port, '', nats.urls())));
  const [dead, ...others] = nodes as [(typeof nodes)[0], ...typeof nodes];
  const clients = startRemote<DeployClientsReports>('the clients', 'spec/bench/clients/deployClients.ts', [String(CLIENTS), ...urls]);
  await clients.next('ready');
  clients.send('watch');
  await clients.next('ready');
  clients.send('up');
  const before = await Promise.all(others.map(usageOf));
  const back = clients.next('back');
  const begun = performance.now();
  await dead.stop();
  const latencies = latenciesOf(rxwireNeighbour(urls[1] as string), back);
  const report = await back;
  const seconds = (performance.now() - begun) / 1_000;
  const after = await Promise.all(others.map(usageOf));
  const times = await latencies;
  await Promise.all([clients.stop(), ...others.map((node) => node.stop())]);
  await nats.close();
  const cpu = after.reduce((sum, usage, index) => sum + usage.cpu - (before[index] as typeof usage).cpu, 0);
  return returned({ name: 'one node of three is killed', cpu, cpuGoal, seconds, report, times, mostLost: 0.5 });
}

/** The same with socket.io, whose figures have no goal. */
const beside = async (how: 'drained' | 'killed', cpuGoal: number): Promise<readonly Result[]> =>
  (await deploy(how, false, cpuGoal, socketIo)).map(({ name, baseline, ours, theirs, ratio, min, max }) => ({
    name,
    baseline,
    ours,
    theirs,
    ratio,
    min,
    max,
    isCost: true,
  }));

export const suite: Suite = [
  () => deploy('drained', false, 5),
  () => deploy('killed', false, 10),
  () => deploy('drained', true, 5),
  () => deploy('killed', true, 10),
  () => deadNode(5),
  () => beside('drained', 5),
  () => beside('killed', 10),
];
