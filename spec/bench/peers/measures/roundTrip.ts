import { withBusyCores } from '../../busyCores.js';
import type { Progress } from '../progress.js';
import { ACKING, BASELINE, without, type Sides } from '../registry.js';
import { goalsOf, tableOf, type Column, type Outcomes, type Table } from '../results.js';
import type { Settings } from '../settings.js';
import { inRounds, startSide, stepsOf, stopSide, withCpu } from '../sides.js';
import type { Measure } from './measure.js';

const SIZE = 100;

/** A message and its ack. */
const ACKS: Sides = {
  ...without(ACKING, 'rxwire, at-most-once', 'MQTT, QoS 0'),
  'rxwire, at-least-once': { peer: 'rxwire', variant: { delivery: 'at-least-once', send: true } },
  'rxwire, exactly-once': { peer: 'rxwire', variant: { delivery: 'exactly-once', send: true } },
};

const ECHO_BASELINE = 'ws + msgpackr, message back';

/** A message there, and another one back. */
const ECHOES: Sides = {
  [ECHO_BASELINE]: { peer: 'ws', variant: { echo: true } },
  'rxwire, at-most-once, message back': { peer: 'rxwire', variant: { delivery: 'at-most-once', echo: true } },
  'rxwire, at-least-once, message back': { peer: 'rxwire', variant: { delivery: 'at-least-once', echo: true } },
  'rxwire, exactly-once, message back': { peer: 'rxwire', variant: { delivery: 'exactly-once', echo: true } },
  'socket.io, message back': { peer: 'socketIo', variant: { echo: true } },
  'MQTT, QoS 0, message back': { peer: 'mqtt', variant: { qos: 0 } },
};

const REQUEST_BASELINE = 'ws + msgpackr, request';

/** A request, and its answer. */
const REQUESTS: Sides = {
  [REQUEST_BASELINE]: { peer: 'ws', variant: { reply: true } },
  'rxwire, request': { peer: 'rxwire', variant: { reply: true } },
  'socket.io, emitWithAck': { peer: 'socketIo', variant: { reply: true } },
};

/** Requests that are open at once, beside one. */
const OPEN = [16, 256] as const;

const SIDES: Sides = { ...ACKS, ...ECHOES, ...REQUESTS };

const columns = (chart: string): readonly Column[] => [
  { key: 'cpu', title: 'CPU of both ends', unit: 'µs', isCost: true, chart: `${chart}: CPU of both ends` },
  { key: 'server', title: 'CPU of the server', unit: 'µs', isCost: true, isCompared: false },
  { key: 'client', title: 'CPU of the client', unit: 'µs', isCost: true, isCompared: false },
  { key: 'p50', title: 'p50', unit: 'µs', isCost: true, chart: `${chart}: p50` },
  { key: 'p99', title: 'p99', unit: 'µs', isCost: true, isCompared: false },
];

async function measure({ rounds, turn, warmUp, warmUpAlone, inFlight }: Settings, progress: Progress): Promise<Outcomes> {
  return inRounds(
    SIDES,
    {
      rounds,
      start: async (side, title) => ({ ...(await startSide(side, { size: SIZE })), isRequest: title in REQUESTS }),
      warmUp: ({ clients }) => clients[0]!.call.run({ size: SIZE, ...warmUpAlone }),
      async turn(running) {
        const { call } = running.clients[0]!;
        const { result, server, client } = await withCpu(running, () => call.run({ size: SIZE, ms: turn }));
        const { count } = result;
        const cpu = { server: server / count, client: client / count, cpu: (server + client) / count };
        const figures: Record<string, number> = { ...cpu, p50: 1_000 * (result.p50 ?? NaN), p99: 1_000 * (result.p99 ?? NaN) };
        for (const open of running.isRequest ? OPEN : []) {
          await call.run({ size: SIZE, ms: Math.min(turn, warmUp), open });
          const many = await withCpu(running, () => call.run({ size: SIZE, ms: turn, open: Math.min(open, inFlight) }));
          figures[`open${open}`] = (many.server + many.client) / many.result.count;
        }
        return figures;
      },
      stop: stopSide,
    },
    progress,
  );
}

const GOALS: readonly (readonly [side: string, baseline: string, key: string, goal: number])[] = [
  ['rxwire, exactly-once, message back', ECHO_BASELINE, 'server', 1.4],
  ['rxwire, exactly-once, message back', ECHO_BASELINE, 'client', 1.4],
  ['rxwire, exactly-once, message back', ECHO_BASELINE, 'p50', 1.4],
  ['rxwire, at-most-once, message back', ECHO_BASELINE, 'p50', 1.3],
  ['rxwire, exactly-once', BASELINE, 'p50', 1.3],
  ['rxwire, request', REQUEST_BASELINE, 'p50', 1.6],
  ['rxwire, request', REQUEST_BASELINE, 'server', 1.6],
  // These goals are rates: CPU time for a request, turned round.
  ['rxwire, request', REQUEST_BASELINE, 'cpu', 1 / 0.6],
  ['rxwire, request', REQUEST_BASELINE, 'open16', 1 / 1.4],
  ['rxwire, request', REQUEST_BASELINE, 'open256', 1 / 1.6],
];

const FIGURES: Readonly<Record<string, string>> = {
  server: 'CPU of the server',
  client: 'CPU of the client',
  p50: 'p50',
  cpu: 'CPU of both ends',
  open16: '16 open, CPU of both ends',
  open256: '256 open, CPU of both ends',
};

const pick = (outcomes: Outcomes, sides: Sides): Outcomes =>
  Object.fromEntries(Object.keys(sides).map((side) => [side, outcomes[side] ?? { rounds: [] }]));

/** One message at a time: the next is sent when the one before has been acked, or answered. */
export const roundTrip: Measure = {
  estimate: [115, 14],
  async run(settings, begin) {
    const outcomes = await withBusyCores(() => measure(settings, begin(stepsOf(SIDES, settings.rounds))));
    const openColumns = OPEN.map((open) => ({
      key: `open${open}`,
      title: `CPU of both ends, ${open} open`,
      unit: 'µs' as const,
      isCost: true,
    }));
    const table = (key: string, title: string, baseline: string, sides: Sides, more: readonly Column[] = []): Table =>
      tableOf({ key, title, baseline, columns: [...columns(title), ...more], outcomes: pick(outcomes, sides) });
    return {
      tables: [
        table('alone-ack', 'One message at a time, to its ack', BASELINE, ACKS),
        table('alone-back', 'One message at a time, to the message back', ECHO_BASELINE, ECHOES),
        table('alone-request', 'One request at a time, to its answer', REQUEST_BASELINE, REQUESTS, openColumns),
      ],
      goals: goalsOf(
        outcomes,
        GOALS.map(([side, baseline, key, goal]) => ({
          title: `${side}${side === 'rxwire, exactly-once' ? ', send()' : ''}: ${FIGURES[key]}`,
          ...{ side, baseline, key, goal, isCost: true },
        })),
      ),
    };
  },
};
