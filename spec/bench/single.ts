import type { Delivery } from '../../lib/index.js';
import { median, spread, type Result, type Suite } from './bench.js';
import { withBusyCores } from './busyCores.js';
import { roundsOf, startSide, stopSides, type Side, type SideSetup } from './sides.js';

/** Round trips of each side after each start, before its first round: V8 still optimizes after 2,000. */
const WARM_UP = 20_000;
/** How often all processes are started anew: what V8 makes of the same code differs from process to process by a tenth and more. */
const STARTS = 3;
/** Rounds after each start. */
const ROUNDS = 3;
/** How long one side is measured before the next, in ms. */
const TURN = 1_000;
const SIZE = 100;

/** What one round trip costs, in µs. */
interface Cost {
  /** CPU time of the process of the server. */
  readonly server: number;
  /** CPU time of the process of the client. */
  readonly client: number;
  /** The median of the time that passes. */
  readonly p50: number;
}

const FIGURES: Readonly<Record<keyof Cost, string>> = { server: 'CPU of the server', client: 'CPU of the client', p50: 'p50' };

type Goals = Readonly<Partial<Cost>>;

async function costOf({ server, client }: Side): Promise<Cost> {
  const before = await Promise.all([server.cpu(), client.cpu()]);
  const { count, p50 } = await client.run({ ms: TURN });
  const after = await Promise.all([server.cpu(), client.cpu()]);
  const micros = (index: 0 | 1): number => (1_000 * (after[index] - before[index])) / count;
  return { server: micros(0), client: micros(1), p50: 1_000 * (p50 ?? NaN) };
}

type Round = Readonly<Record<'rxwire' | 'ws', Cost> & Partial<Record<'socketIo', Cost>>>;

function rowsOf(rounds: readonly Round[], side: keyof Round, name: string, baseline: string, goals: Goals): readonly Result[] {
  const pairs = rounds.flatMap((round) => (round[side] ? [[round[side], round.ws] as const] : []));
  if (pairs.length === 0) return [];
  const show = (values: readonly number[]): string => `${median(values).toPrecision(3)} µs`;
  return (Object.keys(FIGURES) as (keyof Cost)[]).map((figure) => ({
    name: `${name}: ${FIGURES[figure]}`,
    baseline,
    ours: show(pairs.map(([ours]) => ours[figure])),
    theirs: show(pairs.map(([, theirs]) => theirs[figure])),
    ...spread(pairs.map(([ours, theirs]) => ours[figure] / theirs[figure])),
    isCost: true,
    ...(goals[figure] !== undefined && { goal: goals[figure] }),
  }));
}

interface SingleComparison {
  readonly name: string;
  /** What socket.io does instead. */
  readonly socketIoName?: string;
  readonly baseline: string;
  readonly setups: Readonly<Record<'rxwire' | 'ws', SideSetup> & Partial<Record<'socketIo', SideSetup>>>;
  readonly goals: Goals;
}

async function roundsOfFreshProcesses({ rxwire, ws, socketIo }: SingleComparison['setups']): Promise<readonly Round[]> {
  const sides = {
    rxwire: await startSide(rxwire),
    ws: await startSide(ws),
    ...(socketIo && { socketIo: await startSide(socketIo) }),
  };
  for (const { client } of Object.values(sides)) await client.run({ ms: 0, atLeast: WARM_UP });
  const rounds = await roundsOf(sides as Readonly<Record<keyof Round, Side>>, ROUNDS, costOf);
  await stopSides(sides);
  return rounds;
}

/** One message at a time: the next is sent when the one before has come back, or was acked. */
async function compareSingle({ name, socketIoName = '', baseline, setups, goals }: SingleComparison): Promise<readonly Result[]> {
  const rounds = await withBusyCores(async () => {
    const all: Round[] = [];
    for (let start = 0; start < STARTS; start++) all.push(...(await roundsOfFreshProcesses(setups)));
    return all;
  });
  return [...rowsOf(rounds, 'rxwire', name, baseline, goals), ...rowsOf(rounds, 'socketIo', socketIoName, baseline, {})];
}

const clientOptions = { size: SIZE };

const roundTrip = (delivery: Delivery, goals: Goals, socketIo?: SideSetup) =>
  compareSingle({
    name: `round trip, ${delivery}`,
    socketIoName: 'round trip, socket.io',
    baseline: 'ws + msgpackr',
    setups: {
      rxwire: {
        server: 'rxwireEcho',
        client: 'rxwireRoundTrip',
        clientOptions: { ...clientOptions, delivery },
      },
      ws: { server: 'wsEcho', client: 'wsRoundTrip', clientOptions },
      ...(socketIo && { socketIo }),
    },
    goals,
  });

const send = () =>
  compareSingle({
    name: 'send(), exactly-once',
    socketIoName: 'emitWithAck(), socket.io',
    baseline: 'ws + msgpackr, acks',
    setups: {
      rxwire: { server: 'rxwire', client: 'rxwireSend', clientOptions: { ...clientOptions, delivery: 'exactly-once' } },
      ws: { server: 'wsAck', client: 'wsSend', clientOptions },
      socketIo: { server: 'socketIoAck', client: 'socketIoSend', clientOptions },
    },
    goals: { p50: 1.3 },
  });

const request = () =>
  compareSingle({
    name: 'request, 1 open',
    socketIoName: 'emitWithAck(), answered, socket.io',
    baseline: 'ws + msgpackr + promises',
    setups: {
      rxwire: { server: 'rxwireReply', client: 'rxwireRequest', clientOptions },
      ws: { server: 'wsReply', client: 'wsRequest', clientOptions },
      socketIo: { server: 'socketIoAck', client: 'socketIoSend', serverOptions: { replies: true }, clientOptions },
    },
    goals: { server: 1.6, p50: 1.6 },
  });

export const suite: Suite = [
  () =>
    roundTrip(
      'exactly-once',
      { server: 1.4, client: 1.4, p50: 1.4 },
      { server: 'socketIoEcho', client: 'socketIoRoundTrip', clientOptions },
    ),
  () => roundTrip('at-most-once', { p50: 1.3 }),
  send,
  request,
];
