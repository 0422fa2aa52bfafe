import type { Context } from './context.js';

/** Breaks connections, at random times of the storm. */
export function breakConnections(context: Context): void {
  const { chance, clock, plan, network, counts, say, isCalm } = context;
  const { faultEvery } = plan.link;
  if (faultEvery === Infinity) return;

  const next = (): void => clock.after(-Math.log(1 - chance.random()) * faultEvery, strike);
  const strike = (): void => {
    if (isCalm()) return;
    const connections = network.connections();
    if (connections.length > 0) {
      const connection = chance.pick(connections);
      counts.cuts++;
      const what = network.fault(connection);
      say('network', () => `${connection.name} is ${what}`);
    }
    next();
  };
  next();
}
