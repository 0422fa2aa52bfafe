import { setTimeout as sleep } from 'node:timers/promises';
import type { Progress } from '../progress.js';
import { BASELINE, type Side, type Sides } from '../registry.js';
import { goalsOf, tableOf, type Outcomes, type Round } from '../results.js';
import type { Settings } from '../settings.js';
import { cpuOf, inRounds, reasonOf, startSide, stepsOf, stopSide, withCpu, type Running } from '../sides.js';
import type { Measure } from './measure.js';

/** Members that join at once, of each process. */
const AT_ONCE = 25;
/** Messages that are published at once, where it is not one. */
export const BURST = 16;

const RXWIRE = 'rxwire, channel';

const SIDES: Sides = {
  [BASELINE]: { peer: 'ws' },
  [RXWIRE]: { peer: 'rxwire', variant: { channel: true } },
  'socket.io': { peer: 'socketIo' },
  'MQTT, QoS 0': { peer: 'mqtt', variant: { qos: 0 } },
  'MQTT, QoS 1': { peer: 'mqtt', variant: { qos: 1 } },
  'NATS core': { peer: 'natsCore' },
};

/** A server that publishes to all its members, which share a few processes. */
export interface Fan extends Running {
  readonly members: number;
  /** Publishes so many messages at once. */
  publish(burst: number): Promise<void>;
  /** Resolves when all members have received all that was published. */
  received(): Promise<void>;
}

export async function startFan(side: Side, members: number, { membersOfProcess }: Pick<Settings, 'membersOfProcess'>): Promise<Fan> {
  const processes = Math.ceil(members / membersOfProcess);
  const running = await startSide(side, { members: true }, processes);
  const each = members / processes;
  try {
    await Promise.all(running.clients.map(({ call }) => call.join({ count: each, atOnce: AT_ONCE })));
  } catch (error) {
    await stopSide(running);
    throw error;
  }
  let published = 0;
  return {
    ...running,
    members,
    async publish(burst) {
      published += burst;
      await running.server.call.publish(burst);
    },
    async received() {
      await Promise.all(running.clients.map(({ call }) => call.received(published * each)));
    },
  };
}

/** Publishes so many messages, so many at once; the next ones when all members have received those before. */
export async function lockstep(fan: Fan, messages: number, burst = 1): Promise<Round> {
  const { server, client } = await withCpu(fan, async () => {
    for (let sent = 0; sent < messages; sent += burst) {
      await fan.publish(burst);
      await fan.received();
    }
  });
  const deliveries = Math.ceil(messages / burst) * burst * fan.members;
  return { server: server / deliveries, client: client / deliveries };
}

const messagesOf = ({ deliveries }: Settings, { members }: Fan): number => Math.ceil(deliveries / members);

function measure(members: number, settings: Settings, progress: Progress): Promise<Outcomes> {
  return inRounds(
    SIDES,
    {
      rounds: settings.rounds,
      start: (side) => startFan(side, members, settings),
      // Twice as much as a round, for V8.
      async warmUp(fan) {
        if (settings.warmUp > 0) await lockstep(fan, 2 * messagesOf(settings, fan));
      },
      async turn(fan) {
        const alone = await lockstep(fan, messagesOf(settings, fan));
        if (members !== settings.members[0]) return alone;
        const many = await lockstep(fan, messagesOf(settings, fan), BURST);
        return { ...alone, burst: many['server'] ?? NaN };
      },
      stop: stopSide,
    },
    progress,
  );
}

const RATED: Sides = Object.fromEntries([BASELINE, RXWIRE, 'socket.io'].map((title) => [title, SIDES[title]!]));
const RATES = [20, 2] as const;

/** Has each publish at a rate, at times that are spread evenly over those of the others; all are measured all the time, as late acks are work, too. */
async function atRate(fans: ReadonlyMap<string, Fan>, perSecond: number, ms: number): Promise<Readonly<Record<string, number>>> {
  const all = [...fans.values()];
  const before = await Promise.all(all.map(cpuOf));
  const messages = Math.max(1, Math.round((perSecond * ms) / 1_000));
  const start = performance.now();
  for (let count = 0; count < messages * all.length; count++) {
    await sleep(Math.max(0, start + (1_000 * count) / (perSecond * all.length) - performance.now()));
    void all[count % all.length]!.publish(1);
  }
  await Promise.all(all.map((fan) => fan.received()));
  const after = await Promise.all(all.map(cpuOf));
  return Object.fromEntries(
    [...fans.keys()].map((title, index) => {
      const used = 1_000 * (after[index]!.server - before[index]!.server);
      return [title, used / (messages * all[index]!.members)];
    }),
  );
}

/** The rates are not measured in turns but at once: most of the time nothing is to be done. */
async function rates(settings: Settings, progress: Progress): Promise<Outcomes> {
  const fans = new Map<string, Fan>();
  const rounds: Record<string, Round[]> = Object.fromEntries(Object.keys(RATED).map((title) => [title, []]));
  try {
    for (const [title, side] of Object.entries(RATED)) fans.set(title, await startFan(side, settings.members[0], settings));
    if (settings.warmUp > 0) for (const fan of fans.values()) await lockstep(fan, 3 * messagesOf(settings, fan));
    for (let round = 0; round < settings.rounds; round++) {
      const figures: Readonly<Record<string, number>>[] = [];
      for (const [index, perSecond] of RATES.entries()) {
        progress.step(`${perSecond} messages a second`);
        figures.push(await atRate(fans, perSecond, settings.rates[index]!));
      }
      for (const title of fans.keys())
        rounds[title]?.push(Object.fromEntries(RATES.map((perSecond, index) => [`at${perSecond}`, figures[index]?.[title] ?? NaN])));
    }
  } finally {
    await Promise.all([...fans.values()].map(stopSide));
  }
  return Object.fromEntries(Object.entries(rounds).map(([title, values]) => [title, { rounds: values }]));
}

const cpu = (chart: string) =>
  [
    { key: 'server', title: 'CPU of the server a delivery', unit: 'µs', isCost: true, chart },
    { key: 'client', title: 'CPU of the member a delivery', unit: 'µs', isCost: true, isCompared: false },
  ] as const;

/** What one message to all members costs. */
export const fanOut: Measure = {
  estimate: [140, 14],
  async run(settings, begin) {
    const { rounds, members } = settings;
    const progress = begin(2 * stepsOf(SIDES, rounds) + RATES.length * rounds);
    const few = await measure(members[0], settings, progress);
    const many = await measure(members[1], settings, progress);
    const rated = await rates(settings, progress).catch((error: unknown): Outcomes => {
      const reason = reasonOf(error);
      return Object.fromEntries(Object.keys(RATED).map((title) => [title, { rounds: [], reason }]));
    });
    const title = (count: number): string => `One message to ${count.toLocaleString('en')} members`;
    const burst = { key: 'burst', title: `CPU of the server, ${BURST} at once`, unit: 'µs', isCost: true } as const;
    const columns = RATES.map((perSecond) => ({
      key: `at${perSecond}`,
      title: `CPU of the server a delivery, ${perSecond} messages a second`,
      unit: 'µs' as const,
      isCost: true,
    }));
    const goal = (name: string, key: string, value: number, end = 'server') => ({
      title: `CPU of the ${end} a delivery, ${members[0]} members, ${name}`,
      ...{ side: RXWIRE, baseline: BASELINE, key, goal: value, isCost: true },
    });
    return {
      tables: [
        tableOf({
          key: 'fan-out-few',
          title: title(members[0]),
          baseline: BASELINE,
          columns: [...cpu(`${title(members[0])}: CPU of the server a delivery`), burst],
          outcomes: few,
        }),
        tableOf({
          key: 'fan-out-many',
          title: title(members[1]),
          baseline: BASELINE,
          columns: cpu(`${title(members[1])}: CPU of the server a delivery`),
          outcomes: many,
        }),
        tableOf({ key: 'fan-out-rates', title: `${title(members[0])}, at a rate`, baseline: BASELINE, columns, outcomes: rated }),
      ],
      goals: [
        ...goalsOf(few, [
          goal('one at a time', 'server', 1.4),
          goal('one at a time', 'client', 1.5, 'member'),
          goal(`${BURST} at once`, 'burst', 1 / 4),
        ]),
        ...goalsOf(rated, [goal('20 a second', 'at20', 1.4), goal('2 a second', 'at2', 1.6)]),
      ],
    };
  },
};
