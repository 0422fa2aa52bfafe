import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, createMessage, webSocket, type Wire } from '../../lib/index.js';
import { bundle } from '../chaos/bundle.js';
import { Opcode, webSocketFrame } from '../support/attacker.js';
import { batch } from '../support/sessionFrames.js';
import { median, perSecond, type Result, type Suite } from './bench.js';
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

/** Floods a server for as long as it is let to. */
async function flooding({ url }: RemoteServer, frame: Buffer, reads: boolean): Promise<() => Promise<unknown>> {
  const child = fork(bundle('spec/bench/servers/flooder.ts'), [new URL(url).port, frame.toString('base64'), reads ? 'reads' : 'deaf'], {
    execArgv: [],
  });
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

async function besideFlood(name: keyof typeof FLOODS, reads: boolean): Promise<Result> {
  const servers = { ours: await startServer('rxwire'), theirs: await startServer('rxwire') };
  const [ours, theirs] = [servers.ours, servers.theirs].map(({ url }) => connect({ link: webSocket(url) })) as [Wire, Wire];
  await Promise.all([rateOf(ours), rateOf(theirs)]);
  const rounds: { readonly ours: number; readonly theirs: number; readonly cpu: number }[] = [];
  while (rounds.length < ROUNDS) {
    const quiet = await costOf(servers.theirs, () => rateOf(theirs));
    const stop = await flooding(servers.ours, FLOODS[name], reads);
    const loud = await costOf(servers.ours, () => rateOf(ours));
    await stop();
    rounds.push({ ours: loud.rate, theirs: quiet.rate, cpu: loud.cpu / TURN });
  }
  const { rss } = await servers.ours.usage();
  await Promise.all([servers.ours.stop(), servers.theirs.stop()]);
  const ratios = rounds.map((round) => round.ours / round.theirs);
  const load = `${Math.round(100 * median(rounds.map(({ cpu }) => cpu)))} % of a core, ${Math.round(rss / 2 ** 20)} MiB`;
  return {
    name: `beside ${name}${reads ? '' : ', by who does not read'}`,
    baseline: 'no flood',
    ours: `${perSecond(median(rounds.map(({ ours: rate }) => rate)))} (${load})`,
    theirs: perSecond(median(rounds.map(({ theirs: rate }) => rate))),
    ...{ ratio: median(ratios), min: Math.min(...ratios), max: Math.max(...ratios) },
  };
}

export const suite: Suite = [
  () => besideFlood('pings', true),
  () => besideFlood('pings', false),
  () => besideFlood('acks of nothing new', true),
  () => besideFlood('batches that were there', true),
  () => besideFlood('pongs of WebSockets', true),
];
