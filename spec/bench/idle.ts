import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { filter, firstValueFrom } from 'rxjs';
import { WebSocket } from 'ws';
import { connect, webSocket } from '../../lib/index.js';
import { median, type Result, type Suite } from './bench.js';
import { startServer, type RemoteServer } from './servers/server.js';

const CONNECTIONS = 2_000;
/** Opened and closed before: what a server compiles and allocates once is no part of what a connection costs. */
const WARM_UP = 400;
const AT_ONCE = 100;
const ROUNDS = 5;
/** How often each side must be heard, in ms. */
const HEARTBEAT = 30_000;
/** How long it is watched, in ms: twice as long as nothing may be heard. */
const WATCHED = 2 * HEARTBEAT;

/** Opens a connection, and returns what ends it. */
type Open = (url: string) => Promise<() => void>;

const openWire: Open = async (url) => {
  const wire = connect({ link: webSocket(url) });
  await firstValueFrom(wire.state$.pipe(filter(({ status }) => status === 'connected')));
  return () => wire.unsubscribe();
};

const openSocket: Open = async (url) => {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  await once(socket, 'open');
  return () => socket.terminate();
};

const sides = { rxwire: openWire, ws: openSocket } as const;

async function openAll(open: Open, url: string, count: number): Promise<() => void> {
  const opened: (() => void)[] = [];
  while (opened.length < count) opened.push(...(await Promise.all(Array.from({ length: AT_ONCE }, () => open(url)))));
  return () => opened.forEach((close) => close());
}

async function isServing(server: RemoteServer, connections: number): Promise<void> {
  while ((await server.usage()).connections !== connections) await sleep(100);
}

interface Cost {
  readonly heap: number;
  readonly rss: number;
}

/** What a connection costs the server, in bytes. */
async function costOf(kind: keyof typeof sides): Promise<Cost> {
  const server = await startServer(kind, { detachedTimeout: 1 });
  const end = await openAll(sides[kind], server.url, WARM_UP);
  end();
  await isServing(server, 0);
  const before = await server.usage();
  await openAll(sides[kind], server.url, CONNECTIONS);
  await isServing(server, CONNECTIONS);
  const after = await server.usage();
  await server.stop();
  return { heap: (after.heap - before.heap) / CONNECTIONS, rss: (after.rss - before.rss) / CONNECTIONS };
}

const kibibytes = (bytes: number): string => `${(bytes / 1_024).toFixed(1)} KiB`;

async function memory(): Promise<readonly Result[]> {
  const rounds: { readonly ours: Cost; readonly theirs: Cost }[] = [];
  while (rounds.length < ROUNDS) rounds.push({ ours: await costOf('rxwire'), theirs: await costOf('ws') });
  return (['heap', 'rss'] as const).map((what) => {
    const ratios = rounds.map(({ ours, theirs }) => theirs[what] / ours[what]);
    return {
      name: `${what} of an idle connection, of ${CONNECTIONS.toLocaleString('en')}`,
      baseline: 'ws',
      ours: kibibytes(median(rounds.map(({ ours }) => ours[what]))),
      theirs: kibibytes(median(rounds.map(({ theirs }) => theirs[what]))),
      ratio: median(ratios),
      min: Math.min(...ratios),
      max: Math.max(...ratios),
      // What a connection costs is what the process takes for it; the heap, of which a bare socket needs next to nothing, is told beside that.
      ...(what === 'rss' && { goal: 0.5 }),
    };
  });
}

/** The share of one core that the server works, while all its clients say nothing. */
async function heartbeat(): Promise<Result> {
  const server = await startServer('rxwire', { pingInterval: HEARTBEAT });
  await openAll(openWire, server.url, CONNECTIONS);
  await isServing(server, CONNECTIONS);
  // What was allocated while they came is collected by now, and is no part of what follows.
  const before = await server.cpu();
  await sleep(WATCHED);
  const used = (100 * ((await server.cpu()) - before)) / WATCHED;
  const { connections } = await server.usage();
  await server.stop();
  if (connections !== CONNECTIONS) throw new Error(`${connections} of ${CONNECTIONS} are left`);
  const ratio = 1 / used;
  const name = `work of ${CONNECTIONS.toLocaleString('en')} idle connections, heartbeat ${HEARTBEAT / 1_000} s`;
  return { name, baseline: 'goal', ours: `${used.toFixed(2)} %`, theirs: '1 % CPU', ratio, min: ratio, max: ratio, goal: 1 };
}

export const suite: Suite = [memory, heartbeat];
