import { setTimeout as sleep } from 'node:timers/promises';
import { createChance, type Chance } from '../simulation/chance.js';
import { nothingDone, type Done } from './faults.js';
import { LEVELS } from './journal.js';
import type { SidePlan } from './plan.js';
import { TIMES, type Outcome } from './round.js';
import { createWorld, type WorldOptions } from './world.js';

type World = Awaited<ReturnType<typeof createWorld>>;

/** Moves a client between two servers on one store, while the servers are stopped, continued and killed, and reconciles what all of them leave. */
export async function runOwners(seed: number, storm: number, sabotage?: WorldOptions['sabotage']): Promise<Outcome> {
  const chance = createChance(seed);
  const { pick, whole } = chance;
  const side = (): SidePlan => ({
    levels: LEVELS,
    handler: 'later',
    burst: pick([1, 5, 10]),
    every: whole(10, 40),
    payload: pick([10, 200]),
  });
  const world = await createWorld({
    seed,
    codec: pick(['json', 'msgpack']),
    client: side(),
    server: side(),
    servers: 2,
    sabotage,
    ...TIMES,
  });
  const done = nothingDone();
  const end = performance.now() + storm;
  while (performance.now() < end) {
    await sleep(whole(0, 400));
    await befall(world, chance, done);
  }
  const { failures, tallies, folder } = await world.end();
  return { seed, done, failures, tallies, folder };
}

/** Does one thing to the servers; at the end both run. */
async function befall(world: World, { pick, whole, hit }: Chance, done: Done): Promise<void> {
  const { servers, client } = world;
  const here = world.current();
  const owner = servers[here];
  const leave = (): void => {
    done.bounces++;
    world.goTo(1 - here);
    // Now and then, the server does not learn that its client has gone.
    done.cuts += pick([world.proxy.cut, world.proxy.cut, world.proxy.cutNear])();
  };
  switch (pick(['bounce', 'bounce', 'bounce', 'freeze', 'freeze', 'kill', 'kill both', 'kill client'] as const)) {
    case 'bounce':
      leave();
      return;
    case 'freeze':
      done.freezes++;
      owner?.freeze();
      await sleep(whole(0, 50));
      leave();
      await sleep(whole(50, 1_000));
      owner?.thaw();
      return;
    case 'kill':
      await owner?.kill();
      done.kills++;
      if (hit(0.7)) leave();
      await owner?.start();
      return;
    case 'kill both':
      await Promise.all(servers.map((server) => server.kill()));
      done.kills += 2;
      await Promise.all(servers.map((server) => server.start()));
      return;
    case 'kill client':
      await client.kill();
      done.kills++;
      await client.start();
  }
}
