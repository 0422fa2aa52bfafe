import type { Variant } from '../peer.js';
import type { Sides } from '../registry.js';
import { STEP_BEFORE, tableOf } from '../results.js';
import { inRounds, startSide, stepsOf, stopSide, withCpu } from '../sides.js';
import type { Measure } from './measure.js';

const SIZE = 100;
/** At-most-once has no acks: a message of the server for so many bounds what is on its way. */
const CREDIT = 64;

/** Each step has what the steps before have. */
const STEPS: readonly (readonly [title: string, added: Variant])[] = [
  ['at-least-once', { delivery: 'at-least-once' }],
  ['exactly-once', { delivery: 'exactly-once' }],
  ['+ durable outbox (LMDB)', { outbox: true }],
  ['+ durable inbox (LMDB)', { inbox: true }],
  ['+ sealed', { seal: true }],
  ['+ gzip', { gzip: true }],
  ['+ meter on both ends', { meter: true }],
  ['+ published to a channel', { channel: true }],
];

function sidesOf(steps: typeof STEPS): Sides {
  let variant: Variant = {};
  const sides = steps.map(([title, added]) => {
    variant = { ...variant, ...added };
    return [title, { peer: 'rxwire', variant }] as const;
  });
  return { 'at-most-once': { peer: 'rxwire', variant: { delivery: 'at-most-once', credit: CREDIT } }, ...Object.fromEntries(sides) };
}

const SIDES = sidesOf(STEPS);

/** The cost of each feature, beside the step before. */
export const ladder: Measure = {
  estimate: [65, 6],
  async run({ rounds, turn, warmUp, warmUpAlone, inFlight }, begin) {
    const outcomes = await inRounds(
      SIDES,
      {
        rounds,
        start: async (side) => ({ ...(await startSide(side, { size: SIZE })), isAcked: side.variant?.['credit'] === undefined }),
        async warmUp({ clients, isAcked }) {
          await clients[0]!.call.run({ size: SIZE, ms: warmUp, open: inFlight });
          if (isAcked) await clients[0]!.call.run({ size: SIZE, ...warmUpAlone, atMost: warmUpAlone.atMost / 2 });
        },
        async turn(running) {
          const { call } = running.clients[0]!;
          const { result, server, client } = await withCpu(running, () => call.run({ size: SIZE, ms: turn, open: inFlight }));
          const figures = { rate: (1_000 * result.count) / result.ms, cpu: (server + client) / result.count };
          if (!running.isAcked) return figures;
          const alone = await withCpu(running, () => call.run({ size: SIZE, ms: turn }));
          const { count, p50 } = alone.result;
          return { ...figures, alone: (alone.server + alone.client) / count, p50: 1_000 * (p50 ?? NaN) };
        },
        stop: stopSide,
      },
      begin(stepsOf(SIDES, rounds)),
    );
    return {
      tables: [
        tableOf({
          key: 'ladder',
          title: `The cost of each feature: ${SIZE} B, ${inFlight} in flight, and alone`,
          baseline: STEP_BEFORE,
          columns: [
            {
              key: 'rate',
              title: 'messages',
              unit: 'per second',
              isCost: false,
              chart: `The cost of each feature: messages a second, ${SIZE} B, ${inFlight} in flight`,
            },
            { key: 'cpu', title: 'CPU of both ends a message', unit: 'µs', isCost: true },
            { key: 'alone', title: 'CPU of both ends, alone', unit: 'µs', isCost: true },
            { key: 'p50', title: 'p50, alone', unit: 'µs', isCost: true },
          ],
          outcomes,
        }),
      ],
      goals: [],
    };
  },
};
