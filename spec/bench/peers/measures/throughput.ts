import { ACKING, BASELINE, type Sides } from '../registry.js';
import { goalsOf, tableOf } from '../results.js';
import { inRounds, startSide, stepsOf, stopSide, withCpu } from '../sides.js';
import type { Measure } from './measure.js';

const SIZES = [100, 1_024] as const;
const SIDES: Sides = {
  ...ACKING,
  'ws + msgpackr, batches of 64': { peer: 'ws', variant: { batch: 64 } },
};

const nameOf = (size: number): string => (size === 1_024 ? '1 KiB' : `${size} B`);

/** Acked messages a second, with many in flight. */
export const throughput: Measure = {
  estimate: [140, 14],
  async run({ rounds, turn, warmUp, inFlight }, begin) {
    const outcomes = await inRounds(
      SIDES,
      {
        rounds,
        start: (side) => startSide(side, { size: SIZES.join(',') }),
        async warmUp({ clients }) {
          for (const size of SIZES) await clients[0]?.call.run({ size, ms: warmUp, open: inFlight });
        },
        async turn(running) {
          const figures: Record<string, number> = {};
          for (const size of SIZES) {
            const run = () => running.clients[0]!.call.run({ size, ms: turn, open: inFlight });
            const { result, server, client } = await withCpu(running, run);
            figures[`rate${size}`] = (1_000 * result.count) / result.ms;
            figures[`cpu${size}`] = (server + client) / result.count;
          }
          return figures;
        },
        stop: stopSide,
      },
      begin(stepsOf(SIDES, rounds)),
    );
    return {
      tables: SIZES.map((size) =>
        tableOf({
          key: `throughput-${size}`,
          title: `Acked messages a second, ${nameOf(size)}, ${inFlight} in flight`,
          baseline: BASELINE,
          columns: [
            {
              key: `rate${size}`,
              title: 'acked messages',
              unit: 'per second',
              isCost: false,
              chart: `Acked messages a second, ${nameOf(size)}, ${inFlight} in flight`,
            },
            { key: `cpu${size}`, title: 'CPU of both ends a message', unit: 'µs', isCost: true },
          ],
          outcomes,
        }),
      ),
      goals: goalsOf(
        outcomes,
        SIZES.map((size) => ({
          title: `acked messages a second, exactly-once, ${nameOf(size)}`,
          ...{ side: 'rxwire, exactly-once', baseline: BASELINE, key: `rate${size}` },
          ...{ goal: size === 100 ? 4.5 : 3.2, isCost: false },
        })),
      ),
    };
  },
};
