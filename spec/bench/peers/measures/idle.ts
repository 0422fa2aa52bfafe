import { setTimeout as sleep } from 'node:timers/promises';
import { BASELINE, without, type Side, type Sides } from '../registry.js';
import { figureOf, goalsOf, tableOf, type Goal, type Outcomes } from '../results.js';
import type { Settings } from '../settings.js';
import { inRounds, startSide, stepsOf, stopSide } from '../sides.js';
import { CONNECTING } from './connects.js';
import type { Measure } from './measure.js';

/** Connections that are opened at once. */
const AT_ONCE = 25;
/** The interval of the pings in the goal for the work of idle connections, in ms. */
const PING_INTERVAL = 30_000;
/** The server of SignalR is a stub here, and that of RxJS is the one of ws: what they hold says nothing about the peer. */
const SIDES: Sides = { ...without(CONNECTING, 'SignalR', 'RxJS webSocket()'), rxwire: { peer: 'rxwire', variant: { json: true } } };

/** Waits until the ends of connections have been processed, in ms. */
const SETTLE = 500;

async function costOf(side: Side, { connections, warmUp }: Settings['idle']): Promise<Readonly<Record<string, number>>> {
  const running = await startSide(side, { idle: true });
  try {
    const { server, clients } = running;
    const { call } = clients[0]!;
    // What a server compiles and allocates once is no part of what a connection costs.
    await call.hold({ count: warmUp, atOnce: AT_ONCE });
    await call.release();
    await sleep(SETTLE);
    const before = await server.call.memory();
    await call.hold({ count: connections, atOnce: AT_ONCE });
    // Sessions of rxwire hibernate 20 ms after they have begun.
    await sleep(SETTLE);
    const after = await server.call.memory();
    const rss = (after.rss - before.rss) / connections;
    return { rss, ...(after.heap !== null && before.heap !== null && { heap: (after.heap - before.heap) / connections }) };
  } finally {
    await stopSide(running);
  }
}

/** Has the server of rxwire serve connections that are silent: the share of a core that it works. */
async function workOf({ connections, watched }: Settings['idle']): Promise<number> {
  const running = await startSide({ peer: 'rxwire', variant: { pingInterval: PING_INTERVAL } }, {});
  const { server, clients } = running;
  await clients[0]!.call.hold({ count: connections, atOnce: AT_ONCE });
  await server.call.memory();
  const before = await server.call.cpu();
  await sleep(watched);
  const used = (100 * ((await server.call.cpu()) - before)) / watched;
  await stopSide(running);
  return used;
}

const workGoal = (connections: string, work: number): Goal => ({
  title: `work of ${connections} idle connections, pings each ${PING_INTERVAL / 1_000} s, of one core`,
  value: figureOf([work]),
  goal: 1,
  unit: 'percent',
  isCost: true,
});

function goalsFor(outcomes: Outcomes, connections: string, work: number | undefined): readonly Goal[] {
  const figures = (key: string) => figureOf(outcomes['rxwire']!.rounds.map((values) => values[key] ?? NaN));
  return [
    ...goalsOf(outcomes, [
      {
        title: `resident memory of an idle connection, of ${connections}`,
        ...{ side: 'rxwire', baseline: BASELINE, key: 'rss', goal: 2, isCost: true },
      },
    ]),
    ...(outcomes['rxwire']!.rounds.length > 0
      ? ([
          { title: 'heap of an idle connection', value: figures('heap'), goal: 7.2 * 1_024, unit: 'bytes', isCost: true },
          { title: 'resident memory of an idle connection', value: figures('rss'), goal: 10 * 1_024, unit: 'bytes', isCost: true },
        ] as const)
      : []),
    ...(work === undefined ? [] : [workGoal(connections, work)]),
  ];
}

/** What an idle connection costs the server. */
export const idle: Measure = {
  estimate: [130, 14],
  async run({ idle: settings }, begin) {
    const progress = begin(stepsOf(SIDES, settings.rounds) + 1);
    const connections = settings.connections.toLocaleString('en');
    // Each round has processes of its own.
    const outcomes = await inRounds(
      SIDES,
      {
        rounds: settings.rounds,
        start: (side) => Promise.resolve(side),
        turn: (side) => costOf(side, settings),
        stop: () => Promise.resolve(),
      },
      progress,
    );
    progress.step('work of idle connections');
    // Without this figure there is no goal for it; the table stays.
    const work = await workOf(settings).catch(() => undefined);
    return {
      tables: [
        tableOf({
          key: 'idle',
          title: `Memory of the server for an idle connection, of ${connections}`,
          baseline: BASELINE,
          columns: [
            {
              key: 'rss',
              title: 'resident',
              unit: 'bytes',
              isCost: true,
              chart: `Resident memory of the server for an idle connection, of ${connections}`,
            },
            { key: 'heap', title: 'heap', unit: 'bytes', isCost: true },
          ],
          outcomes,
        }),
      ],
      goals: goalsFor(outcomes, connections, work),
    };
  },
};
