import { requestHistory } from './history.js';
import type { Member } from './member.js';
import { join, type Node } from './node.js';
import type { FaultKind } from './plan.js';
import type { ChannelsSetting } from './setting.js';

/** The most by which a date steps, in ms: 31 days. */
const MOST_AHEAD = 31 * 86_400_000;

/** Lets connections break, logs fail, hubs crash, and members come and go, until it is calm. */
export function strike(nodes: readonly Node[], members: readonly Member[], setting: ChannelsSetting): void {
  const { clock, chance, plan, shared, counts, say, isCalm } = setting;
  const acts: Readonly<Record<FaultKind, () => void>> = {
    cut,
    log: failLog,
    tail: () => loseLog(chance.pick(nodes)),
    come: comeOrGo,
    reload: () => chance.pick(members).reload(),
    kill: () => chance.pick(members).kill(),
    sleep: () => freeze(chance.pick(members)),
    pause: () => freeze(chance.pick(nodes)),
    history: () => requestHistory(chance.pick(members), chance.pick([3, 20, 1_000]), setting, false),
    move,
    forget: () => lose('forgets all', () => shared.forget()),
    restore: () =>
      lose('is restored', () => {
        // The processes that use a log are stopped while it is restored, unless its epoch changes.
        if (plan.log.kind === 'model') for (const { life } of nodes) life.die();
        shared.restore();
      }),
    compact,
    crash: () => chance.pick(nodes).life.die(),
    once: () => chance.pick(nodes).log.failOnce(),
    'crash at store': () => chance.pick(nodes).log.dieAtStore(chance.pick(['before', 'after'])),
    'back up': () => shared.backUp(),
    step: () => chance.pick(nodes).step(chance.skewed(1, MOST_AHEAD) * chance.pick([-1, 1])),
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
    log.fail(clock.now() + time);
  }
  function loseLog({ name, log }: Node): void {
    say(name, () => 'loses its log');
    log.lose();
  }
  /** A channel that has ended stays as it is: it would go on, for those who have not seen its end. */
  function lose(what: string, act: () => void): void {
    if (shared.hasEnded('room')) return;
    say('log', () => what);
    act();
    nodes.forEach(loseLog);
  }
  function comeOrGo(): void {
    const member = chance.pick(members);
    if (member.isJoined()) member.leave();
    else member.join();
  }
  function freeze({ name, life }: { readonly name: string; readonly life: Node['life'] }): void {
    const time = chance.skewed(50, 4_000);
    say(name, () => `sleeps for ${Math.round(time)} ms`);
    life.freeze(time);
  }
  function move(): void {
    const member = chance.pick(members);
    const reachable = nodes.filter(({ plan: { codecs } }) => member.plan.codecs.some((codec) => codecs.includes(codec)));
    member.moveTo(chance.pick(reachable));
  }
  /** Another program joins messages of the log. */
  function compact(): void {
    const kept = shared
      .entries('room')
      .filter(
        ({ message, isGone, isLost, epoch }) => !isGone && !isLost && epoch === shared.epochOf('room') && message.type !== 'channel.ended',
      );
    if (kept.length < 2) return;
    const from = chance.whole(0, kept.length - 2);
    const block = kept.slice(from, from + chance.whole(2, 5));
    say('log', () => `joins ${block.map(({ message }) => message.id).join(' ')}`);
    shared.compact(
      block[0]!,
      block.at(-1)!,
      join(block.map(({ message }) => ({ ...message, source: message.source.replace(/ [\w-]{16}$/, '') }))),
    );
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
