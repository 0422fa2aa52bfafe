import { BASELINE, type Side, type Sides } from '../registry.js';
import { figureOf, tableOf, type Goal, type Outcomes, type Round } from '../results.js';
import type { Settings } from '../settings.js';
import { inRounds, startSide, stopSide, withCpu, type Running } from '../sides.js';
import { lockstep, startFan, type Fan } from './fanOut.js';
import type { Measure } from './measure.js';

/** How often all processes start anew where a process can do its work only once. */
const STARTS = 3;
/** Channels that a wire may join by default. */
const CHANNELS_OF_WIRE = 100;
const TIMES = 10;

/** The members of the smaller and of the larger server, in lockstep; for ws as well, as a goal compares with it. */
async function members({ growth, ...settings }: Settings, begin: Begin): Promise<Outcomes> {
  const sizes = { n: growth.members, tenfold: TIMES * growth.members };
  const side = (peer: string): Side => ({ peer, variant: { channel: true } });
  const sides: Sides = { 'members of a channel': side('rxwire'), [`members, ${BASELINE}`]: side('ws') };
  return inRounds(
    sides,
    {
      rounds: settings.rounds,
      start: async (of) => ({ n: await startFan(of, sizes.n, settings), tenfold: await startFan(of, sizes.tenfold, settings) }),
      async warmUp({ n, tenfold }) {
        if (settings.warmUp === 0) return;
        await lockstep(n, 20_000 / sizes.n);
        await lockstep(tenfold, 20_000 / sizes.n);
      },
      async turn({ n, tenfold }) {
        // As often in turns as one of the two is slow to wake.
        const cost = async (fan: Fan): Promise<number> =>
          (await lockstep(fan, Math.ceil(settings.deliveries / fan.members)))['server'] ?? NaN;
        return grown(await cost(n), await cost(tenfold));
      },
      stop: (fans) => Promise.all(Object.values(fans).map(stopSide)),
    },
    begin(sides, settings.rounds),
  );
}

type Begin = (sides: Sides, rounds: number) => Parameters<typeof inRounds>[2];

const grown = (n: number, tenfold: number): Round => ({ n, tenfold, growth: tenfold / n });

/** A server whose wires have joined so many channels, each a few of its own. */
async function startChannels(
  count: number,
): Promise<Running & { readonly members: number; publish(): Promise<void>; received(): Promise<void> }> {
  const each = Math.min(count, CHANNELS_OF_WIRE);
  const running = await startSide({ peer: 'rxwire', variant: { channel: true, channels: count, each } }, { members: true });
  const client = running.clients[0]!;
  await client.call.join({ count: count / each, atOnce: 4, each });
  let published = 0;
  return {
    ...running,
    members: count,
    publish: () => running.server.call.publish((published++, 1)),
    received: () => client.call.received(published),
  };
}

type Channels = Awaited<ReturnType<typeof startChannels>>;

/** The CPU time of the server for a message to one channel, published to one after the other, so many on their way at once. */
async function costOfChannels(channels: Channels, messages: number): Promise<number> {
  const { server } = await withCpu(channels, async () => {
    for (let sent = 0; sent < messages;) {
      for (let count = 0; count < 100 && sent < messages; count++, sent++) await channels.publish();
      await channels.received();
    }
  });
  return server / messages;
}

async function channels({ growth, rounds, warmUp }: Settings, begin: Begin): Promise<Outcomes> {
  const count = growth.channels;
  const messages = 2 * count;
  const sides: Sides = { 'channels of a server': { peer: 'rxwire' } };
  return inRounds(
    sides,
    {
      rounds,
      start: async () => ({ n: await startChannels(count), tenfold: await startChannels(TIMES * count) }),
      async warmUp({ n, tenfold }) {
        if (warmUp === 0) return;
        await costOfChannels(n, 5 * messages);
        await costOfChannels(tenfold, 5 * messages);
      },
      turn: async ({ n, tenfold }) => grown(await costOfChannels(n, messages), await costOfChannels(tenfold, messages)),
      stop: ({ n, tenfold }) => Promise.all([stopSide(n), stopSide(tenfold)]),
    },
    begin(sides, rounds),
  );
}

/** The CPU time of the client for a message of an outbox that is full when the connection opens. */
async function outboxes({ growth: { depth }, warmUp }: Settings, begin: Begin): Promise<Outcomes> {
  const sides: Sides = {
    'depth of the outbox': { peer: 'rxwire' },
    'depth of the outbox, LMDB': { peer: 'rxwire', variant: { isDurable: true } },
  };
  return inRounds(
    sides,
    {
      rounds: warmUp === 0 ? 1 : STARTS,
      start: async (side) => ({ ...(await startSide(side, {})), isDurable: side.variant?.['isDurable'] === true }),
      // Twice as deep as later: what is compiled, and the heap that has grown, is no part of the growth.
      warmUp: ({ clients, isDurable }) =>
        warmUp === 0 ? Promise.resolve(0) : clients[0]!.call.outbox({ depth: TIMES * depth, isDurable }),
      async turn({ clients, isDurable }) {
        const cost = (times: number): Promise<number> => clients[0]!.call.outbox({ depth: times * depth, isDurable });
        return grown(1_000 * (await cost(1)), 1_000 * (await cost(TIMES)));
      },
      stop: stopSide,
    },
    begin(sides, STARTS),
  );
}

function goal(outcomes: Outcomes, { growth }: Settings): readonly Goal[] {
  const [ours, theirs] = [outcomes['members of a channel'], outcomes[`members, ${BASELINE}`]];
  const ratios = (ours?.rounds ?? []).map((own, round) => (own['growth'] ?? NaN) / (theirs?.rounds[round]?.['growth'] ?? NaN));
  const known = ratios.filter(Number.isFinite);
  const title = `growth of the CPU of a delivery from ${growth.members} to ${(TIMES * growth.members).toLocaleString('en')} members, beside that of ws`;
  return known.length > 0 ? [{ title, value: figureOf(known), goal: 1.3, isCost: true }] : [];
}

/** What happens to the cost of a message when there is ten times as much of something. */
export const growth: Measure = {
  estimate: [75, 12],
  async run(settings, start) {
    const { growth: counts, rounds } = settings;
    const progress = start(3 * (rounds + 2) + 2 * (STARTS + 2));
    const begin: Begin = () => progress;
    const outcomes = { ...(await members(settings, begin)), ...(await channels(settings, begin)), ...(await outboxes(settings, begin)) };
    const names: Readonly<Record<string, number>> = {
      'members of a channel': counts.members,
      [`members, ${BASELINE}`]: counts.members,
      'channels of a server': counts.channels,
    };
    const named = Object.entries(outcomes).map(([title, outcome]) => {
      const n = names[title] ?? counts.depth;
      return [`${title}: ${n.toLocaleString('en')} → ${(TIMES * n).toLocaleString('en')}`, outcome] as const;
    });
    return {
      tables: [
        tableOf({
          key: 'growth',
          title: 'Ten times as much',
          baseline: '',
          columns: [
            { key: 'n', title: 'CPU a message at n', unit: 'µs', isCost: true },
            { key: 'tenfold', title: 'CPU a message at 10 n', unit: 'µs', isCost: true },
            {
              key: 'growth',
              title: 'growth',
              unit: 'times',
              isCost: true,
              chart: 'The cost of a message with ten times as many, beside that before',
            },
          ],
          outcomes: Object.fromEntries(named),
        }),
      ],
      goals: goal(outcomes, settings),
    };
  },
};
