import { createMessage, type Message } from '../../../lib/index.js';
import type { Member } from './member.js';
import { all, carries, drawPlain, drawPoison, isBelow, sizeOf, USUAL_LIMITS, type Content, type Verdict } from './poison.js';
import type { ChannelsSetting } from './setting.js';

const MAX_STATE = 4_096;

const carrierOf = (type: 'channel.update' | 'channel.presence', state: unknown): Message => {
  const list = { channel: 'room', entered: [{ id: 'm1', state }], left: [] };
  return createMessage<string, unknown>(type, type === 'channel.update' ? { channel: 'room', state } : list);
};

/** Lets members set states, and checks what the others see of them. */
export function createPresenceCheck(members: readonly Member[], setting: ChannelsSetting) {
  const { clock, chance, plan, counts, violate, say } = setting;
  let count = 0;

  const update = (member: Member): void => {
    const drawn = chance.hit(plan.poison)
      ? drawPoison(chance, [MAX_STATE, ...plan.members.map(({ limits }) => Math.min(limits.maxFrame, 5_000))])
      : drawPlain(chance);
    const tag = ++count;
    const content: Content = { ...drawn, value: { tag, value: drawn.value }, levels: drawn.levels + 1, nodes: drawn.nodes + 4 };
    member.states.push({ tag, content });
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
  const isKept = ({ node, plan: own }: Pick<Member, 'node' | 'plan'>, content: Content): Verdict => {
    const carrier = carrierOf('channel.update', content.value);
    const maxFrame = Math.min(own.limits.maxFrame, node.plan.maxFrame);
    const { codecs } = node.plan;
    const isCarried = codecs.map((codec) => carries(codec, USUAL_LIMITS, content, carrier));
    const sizes = codecs.map((codec) => (content.carriedBy.includes(codec) ? sizeOf(codec, carrier) : 0));
    // The hub estimates the size of a state: one whose encoded form is larger may pass.
    const isSmall: Verdict = isBelow(Math.max(...sizes), MAX_STATE) === 'yes' ? 'yes' : 'either';
    const areSmall = sizes.map((size) => isBelow(size, node.plan.maxSize));
    return all([carries(own.codec, { ...USUAL_LIMITS, maxFrame }, content, carrier), ...isCarried, isSmall, ...areSmall]);
  };
  /**
   * The states of a member that another one may see now; -1: none. It is the latest, if the hub keeps it for certain. Otherwise it may be an earlier one: a
   * state may not have been sent before the next one, and another wire of the member may have set it.
   */
  const visible = ({ states, ...member }: Member, watcher: Member): readonly number[] => {
    const kept = states.map((set) => (set ? isKept(member, set.content) : 'no'));
    const isCertain = kept.at(-1) === 'yes';
    const tags = new Set(isCertain ? [] : [-1]);
    for (const [index, set] of states.entries()) {
      if (!set || kept[index] === 'no' || (isCertain && index < states.length - 1)) continue;
      const seen = watcher.carries(set.content, carrierOf('channel.presence', set.content.value));
      if (seen !== 'no') tags.add(set.tag);
      if (seen !== 'yes') tags.add(-1);
    }
    return [...tags];
  };
  const check = (): void => {
    const present = members.filter((member) => member.isJoined());
    for (const watcher of present) {
      if (!watcher.plan.watches) continue;
      const seen = watcher.members();
      if (!seen) return violate('channels', `${watcher.name} does not know the members`);
      const others = present.filter((member) => member !== watcher);
      const names = (list: readonly { readonly name?: string; readonly id?: string }[]): string =>
        list
          .map(({ name, id }) => name ?? id)
          .sort()
          .join();
      if (names(seen) !== names(others)) return violate('channels', `${watcher.name} sees ${names(seen)}, and not ${names(others)}`);
      for (const member of others) {
        const state = seen.find(({ id }) => id === member.name)?.state as { readonly tag: number } | undefined;
        const expected = visible(member, watcher);
        if (!expected.includes(state?.tag ?? -1))
          return violate(
            'channels',
            `${watcher.name} sees the state ${state?.tag ?? 'undefined'} of ${member.name}, and not ${expected.join(' or ')}`,
          );
      }
    }
  };
  return { start, check };
}
