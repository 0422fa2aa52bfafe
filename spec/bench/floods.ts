import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, createMessage, webSocket, type Wire } from '../../lib/index.js';
import { bundle } from '../chaos/bundle.js';
import { Opcode, webSocketFrame } from '../support/attacker.js';
import { batch } from '../support/sessionFrames.js';
import { median, perSecond, spread, type Result, type Suite } from './bench.js';
import { startServer, type RemoteServer } from './servers/server.js';

/** How long one side is measured before it is the other's turn, in ms. */
const TURN = 1_000;
const ROUNDS = 5;
/** How long it takes until the first that floods is at it, in ms. */
const WARM_UP = 300;

const FLOODS = {
  pings: webSocketFrame('["ping",0]'),
  'acks of nothing new': webSocketFrame('["ack",0,1024]'),
  'batches that were there': webSocketFrame(batch(1, 'a')),
  'pongs of WebSockets': webSocketFrame('', Opcode.PONG),
} as const;

/** Starts a program that floods a server. Returns a function that ends it. */
type Flood = (server: RemoteServer) => Promise<() => Promise<unknown>>;

async function flooding(program: string, { url }: RemoteServer, ...args: readonly string[]): Promise<() => Promise<unknown>> {
  const child = fork(bundle(program), [new URL(url).port, ...args], { execArgv: [] });
  await sleep(WARM_UP);
  return () => {
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    return exit;
  };
}

/** What is acked of one who sends a message when the one before is acked, in a second. */
async function rateOf(wire: Wire): Promise<number> {
  const begun = performance.now();
  let count = 0;
  for (; performance.now() - begun < TURN; count++) await wire.send(createMessage('bench.item', 'x'));
  return (1_000 * count) / (performance.now() - begun);
}

const costOf = async (server: RemoteServer, rate: () => Promise<number>) => {
  const before = await server.cpu();
  return { rate: await rate(), cpu: (await server.cpu()) - before };
};

/** Floods a server with frames for as long as it is let to. */
const frames =
  (frame: Buffer, reads: boolean): Flood =>
  (server) =>
    flooding('spec/bench/servers/flooder.ts', server, frame.toString('base64'), reads ? 'reads' : 'deaf');

/** Opens so many connections a second, from so many addresses, and says hello over each. Hellos of several addresses are confirmed. */
const hellos =
  (rate: number, addresses = 1): Flood =>
  (server) =>
    flooding('spec/bench/servers/helloFlooder.ts', server, String(rate), String(addresses));

interface FloodComparison {
  readonly name: string;
  /** @default 'rxwire' */
  readonly kind?: string;
  readonly flood: Flood;
  readonly goal: number;
}

/** The most that the memory of the server may grow in all rounds, in bytes. */
const MAX_GROWTH = 40 * 2 ** 20;

/** Measures a client of one server beside a flood, and one of another server without, in turns. */
async function besideFlood({ name, kind = 'rxwire', flood, goal }: FloodComparison): Promise<readonly Result[]> {
  const options = { connectionRate: {} };
  const servers = { ours: await startServer(kind, options), theirs: await startServer(kind, options) };
  const [ours, theirs] = [servers.ours, servers.theirs].map(({ url }) => connect({ link: webSocket(url) })) as [Wire, Wire];
  await Promise.all([rateOf(ours), rateOf(theirs)]);
  const before = (await servers.ours.usage()).rss;
  const rounds: { readonly ours: number; readonly theirs: number; readonly cpu: number }[] = [];
  while (rounds.length < ROUNDS) {
    const quiet = await costOf(servers.theirs, () => rateOf(theirs));
    const stop = await flood(servers.ours);
    const loud = await costOf(servers.ours, () => rateOf(ours));
    await stop();
    rounds.push({ ours: loud.rate, theirs: quiet.rate, cpu: loud.cpu / TURN });
  }
  const { rss } = await servers.ours.usage();
  await Promise.all([servers.ours.stop(), servers.theirs.stop()]);
  const growth = Math.max(0, rss - before);
  const mebibytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`;
  return [
    {
      name: `beside ${name}`,
      baseline: 'no flood',
      ours: `${perSecond(median(rounds.map(({ ours: rate }) => rate)))} (${Math.round(100 * median(rounds.map(({ cpu }) => cpu)))} % of a core)`,
      theirs: perSecond(median(rounds.map(({ theirs: rate }) => rate))),
      ...spread(rounds.map((round) => round.ours / round.theirs)),
      goal,
    },
    {
      name: `memory that ${name} takes`,
      baseline: 'limit',
      ours: mebibytes(growth),
      theirs: mebibytes(MAX_GROWTH),
      ...spread([growth / MAX_GROWTH]),
      goal: 1,
      isCost: true,
    },
  ];
}

/** A client that floods over an open connection, and opens another when it is closed. */
const beside =
  (name: keyof typeof FLOODS, reads = true) =>
  () =>
    besideFlood({ name: `${name}${reads ? '' : ', by who does not read'}`, flood: frames(FLOODS[name], reads), goal: 0.5 });

export const suite: Suite = [
  () => besideFlood({ name: '1,500 hellos a second', flood: hellos(1_500), goal: 0.85 }),
  () => besideFlood({ name: '1,500 hellos a second, stored', kind: 'rxwireLmdb', flood: hellos(1_500), goal: 0.85 }),
  () => besideFlood({ name: '1,500 confirmed hellos a second of 80 addresses', flood: hellos(1_500, 80), goal: 0.85 }),
  () => besideFlood({ name: 'hellos as fast as they go', flood: hellos(Infinity), goal: 0.4 }),
  beside('pings'),
  beside('pings', false),
  beside('acks of nothing new'),
  beside('batches that were there'),
  beside('pongs of WebSockets'),
];
