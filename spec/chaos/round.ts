import { setTimeout as sleep } from 'node:timers/promises';
import { breakNetwork, killActors, nothingDone, type Done } from './faults.js';
import type { Plan } from './plan.js';
import { createWorld, type Remains, type WorldOptions } from './world.js';

/** What came of a round. */
export interface Outcome extends Omit<Remains, 'journal'> {
  readonly seed: number;
  readonly done: Done;
}

/** Short, so that much can go wrong in little time. */
export const TIMES = { ping: 400, reconnect: { initialInterval: 20, maxInterval: 200 }, openTimeout: 500 } as const;

/** Runs a client and a server, breaks and kills as planned, and reconciles what they leave. */
export async function runRound(plan: Plan, sabotage?: WorldOptions['sabotage']): Promise<Outcome> {
  const done = nothingDone();
  const world = await createWorld({ ...plan, ...TIMES, sabotage });
  await Promise.all([sleep(plan.storm), breakNetwork(world.proxy, plan.network, done), killActors(world, plan.kills, done)]);
  const { failures, tallies, folder } = await world.end();
  return { seed: plan.seed, done, failures, tallies, folder };
}
