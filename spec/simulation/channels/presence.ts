import { createMessage, type Message } from '../../../lib/index.js';
import type { Member } from './member.js';
import type { Node } from './node.js';
import {
  all,
  carries,
  oneOf,
  drawPlain,
  drawPoison,
  isBelow,
  sizeOf,
  USUAL_LIMITS,
  type CodecName,
  type Content,
  type Verdict,
} from './poison.js';
import type { ChannelsSetting } from './setting.js';

const MAX_STATE = 4_096;

const carrierOf = (type: 'channel.update' | 'channel.presence', state: unknown): Message => {
  const list = { channel: 'room', entered: [{ id: 'm1', state }], left: [] };
  return createMessage<string, unknown>(type, type === 'channel.update' ? { channel: 'room', state } : list);
};

/** Lets members set states, and checks what the others see of them. */
export function createPresenceCheck(members: readonly Member[], setting: ChannelsSetting) {
  const { clock, chance, plan, counts, say } = setting;
  const mayBeLate = (['pause', 'cut'] as const).some((fault) => plan.faults.includes(fault));
  let count = 0;

  const update = (member: Member): void => {
    const drawn = chance.hit(plan.poison)
      ? drawPoison(chance, [MAX_STATE, ...plan.members.map(({ limits }) => Math.min(limits.maxFrame, 5_000))])
      : drawPlain(chance);
    const tag = ++count;
    const content: Content = { ...drawn, value: { tag, value: drawn.value }, levels: drawn.levels + 1, nodes: drawn.nodes + 4 };
    member.states.push({ tag, content, wire: member.wire(), node: member.node });
    counts.events++;
    say(member.name, () => `sets the state ${tag}: ${content.text}, ${isKept(member, content)}`);
    member.channelOf('room').updatePresence(content.value);
  };
  const start = (): void => {
    clock.after(-Math.log(1 - chance.random()) * 4 * plan.pause, () => {
      if (setting.isCalm()) return;
      const joined = members.filter((member) => member.isJoined());
      if (joined.length > 0) update(chance.pick(joined));
      start();
    });
  };
  /** Whether the hub keeps a state. */
  const isKept = (member: Pick<Member, 'nodes' | 'plan'>, content: Content): Verdict =>
    oneOf(
      [...member.nodes].flatMap((node) =>
        member.plan.codecs.filter((codec) => node.plan.codecs.includes(codec)).map((codec) => isKeptAt(node, member.plan, codec, content)),
      ),
    );
  const isKeptAt = ({ plan: own }: Node, { limits }: Member['plan'], codec: CodecName, content: Content): Verdict => {
    const carrier = carrierOf('channel.update', content.value);
    const maxFrame = Math.min(limits.maxFrame, own.maxFrame);
    const isCarried = own.codecs.map((one) => carries(one, USUAL_LIMITS, content, carrier));
    const sizes = own.codecs.map((one) => (content.carriedBy.includes(one) ? sizeOf(one, carrier) : 0));
    // The hub estimates the size of a state: one whose encoded form is larger may pass.
    const isSmall: Verdict = isBelow(Math.max(...sizes), MAX_STATE) === 'yes' ? 'yes' : 'either';
    const areSmall = sizes.map((size) => isBelow(size, own.maxSize));
    return all([carries(codec, { ...USUAL_LIMITS, maxFrame }, content, carrier), ...isCarried, isSmall, ...areSmall]);
  };
  /**
   * The states of a member that another one may see now; -1: none. It is the latest, if the hub keeps it for certain. Otherwise it may be an earlier one: a
   * state may not have been sent before the next one, and another wire of the member may have set it. A hub that has slept, or whose connection
   * has stalled, may get it from a former wire, or from one that has moved, after that.
   */
  const visible = ({ states, wire, ...member }: Member, watcher: Member): readonly number[] => {
    const kept = states.map((set) => (set ? isKept(member, set.content) : 'no'));
    const isCertain = kept.at(-1) === 'yes';
    const tags = new Set(isCertain ? [] : [-1]);
    for (const [index, set] of states.entries()) {
      const isLate = set !== undefined && (set.wire !== wire() || set.node !== member.node) && mayBeLate;
      if (!set || kept[index] === 'no' || (isCertain && index < states.length - 1 && !isLate)) continue;
      const seen = watcher.carries(set.content, carrierOf('channel.presence', set.content.value));
      if (seen !== 'no') tags.add(set.tag);
      if (seen !== 'yes') tags.add(-1);
    }
    return [...tags];
  };
  /** Returns what a member sees that is not so; undefined if all agree. */
  const disagreement = (): string | undefined => {
    const present = members.filter((member) => member.isJoined());
    for (const watcher of present) {
      if (!watcher.plan.watches) continue;
      const seen = watcher.members();
      if (!seen) return `${watcher.name} does not know the members`;
      const others = present.filter((member) => member !== watcher);
      const namesOf = (list: readonly string[]): string => [...list].sort().join();
      const [own, expectedNames] = [namesOf(seen.map(({ id }) => id)), namesOf(others.map(({ name }) => name))];
      if (own !== expectedNames) return `${watcher.name} sees ${own}, and not ${expectedNames}`;
      for (const member of others) {
        const state = seen.find(({ id }) => id === member.name)?.state as { readonly tag: number } | undefined;
        const expected = visible(member, watcher);
        if (!expected.includes(state?.tag ?? -1))
          return `${watcher.name} sees the state ${state?.tag ?? 'undefined'} of ${member.name}, and not ${expected.join(' or ')}`;
      }
    }
    return undefined;
  };
  return { start, disagreement };
}
