import type { Client } from './client.js';
import type { Context } from './context.js';
import type { Connection } from './network.js';
import type { Intruder } from './intruder.js';
import type { Fault } from './plan.js';
import type { Server } from './server.js';

export interface Victims {
  readonly client: Client;
  readonly server: Server;
  readonly intruder: Intruder;
}

/** Lets something go wrong, at random times of the storm. */
export function strike({ client, server, intruder }: Victims, context: Context): void {
  const { chance, clock, plan, network, counts, say, isCalm } = context;

  const befall = (how: (connection: Connection) => string): void => {
    const connections = network.connections();
    if (connections.length === 0) return;
    const connection = chance.pick(connections);
    counts.cuts++;
    const what = how(connection);
    say('network', () => `${connection.name} is ${what}`);
  };
  const faults: Readonly<Record<Fault, () => void>> = {
    break: () => befall(network.fault),
    drop: () =>
      befall((connection) => {
        network.drop(connection);
        return 'dropped';
      }),
    stop: server.stop,
    leave: client.stop,
    rival: client.rival,
    intruder: intruder.intrude,
  };
  const next = (): void => {
    clock.after(-Math.log(1 - chance.random()) * plan.faultEvery, () => {
      if (isCalm()) return;
      faults[chance.pick(plan.faults)]();
      next();
    });
  };
  next();
}
