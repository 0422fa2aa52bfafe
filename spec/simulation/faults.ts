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

/** How far a date steps at least and at most, in ms. */
const SECOND = 1_000;
const MONTH = 31 * 24 * 3_600 * SECOND;

/** Lets something go wrong, at random times of the storm. */
export function strike({ client, server, intruder }: Victims, context: Context): void {
  const { chance, extra, streams, clock, plan, network, counts, say, isCalm } = context;

  const befall = (how: (connection: Connection) => string): void => {
    const connections = network.connections();
    if (connections.length === 0) return;
    const connection = chance.pick(connections);
    counts.cuts++;
    const what = how(connection);
    say('network', () => `${connection.name} is ${what}`);
  };
  const bounce = (): void => {
    const host = extra.whole(0, plan.owners - 1);
    say('network', () => `leads to server ${host + 1} of ${plan.owners}`);
    network.aim(host);
    for (const connection of network.connections()) {
      counts.cuts++;
      if (extra.hit(0.5)) network.drop(connection);
      else network.fault(connection);
    }
  };
  const step = (): void => {
    const side = extra.pick(['client', 'server'] as const);
    const size = SECOND * (MONTH / SECOND) ** extra.random();
    context.ahead[side] += extra.pick([-1, 1]) * Math.floor(size);
    say('clock', () => `the date of the ${side} is ${context.ahead[side]} ms ahead`);
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
    bounce,
    step,
    freeze() {
      server.freeze();
      if (extra.hit(0.7)) bounce();
    },
  };
  const pause = (): void => {
    if (!plan.pauses || isCalm()) return;
    clock.after(-Math.log(1 - streams.pauses.random()) * plan.pauses, () => {
      if (!isCalm()) client.freeze();
      pause();
    });
  };
  pause();
  const next = (): void => {
    clock.after(-Math.log(1 - chance.random()) * plan.faultEvery, () => {
      if (isCalm()) return;
      faults[chance.pick(plan.faults)]();
      next();
    });
  };
  next();
}
