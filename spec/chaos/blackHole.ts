import { setTimeout as sleep } from 'node:timers/promises';
import { failNetwork, type NetworkFailure } from '../support/failNetwork.js';
import type { SidePlan } from './plan.js';
import type { Setup } from './processes.js';
import type { Tally } from './reconcile.js';
import { createWorld } from './world.js';

/** How long it takes, in ms. */
export interface BlackHolePlan extends NetworkFailure {
  readonly before: number;
  readonly after: number;
  readonly ping: number;
  readonly reconnect: Setup['reconnect'];
}

export interface BlackHoleResult extends Pick<Tally, 'messages' | 'acked' | 'lost' | 'doubled' | 'reordered'> {
  /** From the end of the fault to the first ack, in ms. */
  readonly recoveredWithin: number;
  /** 2.5 heartbeats. */
  readonly limit: number;
  /** What is wrong, in words. */
  readonly failures: readonly string[];
}

/** 3 s of silence, then a reset, then nobody listens for 1 s: of 770 messages, 10 ms apart. */
export const BLACK_HOLE: BlackHolePlan = {
  ...{ before: 1_500, silence: 3_000, refused: 1_000, after: 2_200 },
  ping: 1_000,
  reconnect: { initialInterval: 100, maxInterval: 1_000 },
};

const SENDER: SidePlan = { levels: ['exactly-once'], handler: 'at once', burst: 1, every: 10, payload: 10 };

export async function fallIntoBlackHole({ before, silence, refused, after, ping, reconnect }: BlackHolePlan): Promise<BlackHoleResult> {
  const { proxy, end } = await createWorld({
    ...{ seed: 0, codec: 'json', client: SENDER, server: { ...SENDER, levels: [] } },
    ...{ ping, reconnect, openTimeout: ping },
  });
  await sleep(before);
  const over = await failNetwork(proxy, { silence, refused });
  await sleep(after);
  const { failures, tallies, journal } = await end();

  const limit = 2.5 * ping;
  const recovered = journal.find(({ note, at }) => note === 'acked' && at >= over);
  const recoveredWithin = recovered ? recovered.at - over : Infinity;
  const late = recoveredWithin > limit ? [`recovered within ${recoveredWithin} ms, and not ${limit}`] : [];
  const { messages, acked, lost, doubled, reordered } = tallies[0]!['exactly-once'];
  return { messages, acked, lost, doubled, reordered, recoveredWithin, limit, failures: [...failures, ...late] };
}
