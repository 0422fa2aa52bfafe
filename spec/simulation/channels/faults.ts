import { requestHistory } from './history.js';
import type { Member } from './member.js';
import type { Node } from './node.js';
import type { FaultKind } from './plan.js';
import type { ChannelsSetting } from './setting.js';

/** Lets connections break, logs fail, and members come and go, until it is calm. */
export function strike(nodes: readonly Node[], members: readonly Member[], setting: ChannelsSetting): void {
  const { clock, chance, plan, counts, say, isCalm } = setting;
  const acts: Readonly<Record<FaultKind, () => void>> = {
    cut,
    log: failLog,
    tail: loseLog,
    come: comeOrGo,
    reload,
    sleep,
    history: request,
  };

  function cut(): void {
    const { network } = chance.pick(nodes);
    const connections = network.connections();
    if (connections.length === 0) return;
    const connection = chance.pick(connections);
    counts.cuts++;
    const what = network.fault(connection);
    say('network', () => `the connection of ${connection.ends.client.life.name} is ${what}`);
  }
  function failLog(): void {
    const { name, log } = chance.pick(nodes);
    const time = chance.skewed(10, 4_000);
    say(name, () => `its log fails for ${Math.round(time)} ms`);
    counts.crashes++;
    log.fail(clock.now() + time);
  }
  function loseLog(): void {
    const { name, log } = chance.pick(nodes);
    say(name, () => 'loses its log');
    counts.crashes++;
    log.lose();
  }
  function comeOrGo(): void {
    const member = chance.pick(members);
    if (member.isJoined()) member.leave();
    else member.join();
  }
  function reload(): void {
    chance.pick(members).reload();
  }
  function sleep(): void {
    const { name, life } = chance.pick(members);
    const time = chance.skewed(50, 4_000);
    say(name, () => `sleeps for ${Math.round(time)} ms`);
    life.freeze(time);
  }
  function request(): void {
    requestHistory(chance.pick(members), chance.pick([3, 20, 1_000]), setting, false);
  }
  const next = (): void => {
    clock.after(-Math.log(1 - chance.random()) * plan.faultEvery, () => {
      if (isCalm()) return;
      counts.events++;
      acts[chance.pick(plan.faults)]();
      next();
    });
  };
  if (plan.faults.length > 0) next();
}
