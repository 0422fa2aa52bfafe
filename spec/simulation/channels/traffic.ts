import { createMessage, type ChannelPosition, type Message, type RxwireError, type Wire } from '../../../lib/index.js';
import type { ChannelName, Member } from './member.js';
import type { Node } from './node.js';
import {
  all,
  carrierOf,
  carries,
  drawPlain,
  drawPoison,
  isBelow,
  oneOf,
  sizeOf,
  USUAL_LIMITS,
  type Content,
  type Verdict,
} from './poison.js';
import type { ChannelsSetting } from './setting.js';

/** A message that was published, and what its sender knows of it. */
interface Published {
  readonly message: Message;
  /** The publisher, as the members see it. */
  readonly source: string;
  readonly channel: ChannelName;
  /** What sends it: a wire, each of which is another publisher, or all hubs. */
  readonly by: Wire | 'hub';
  /** Whether the hub must store it. */
  readonly isStorable: Verdict;
  /** Whether its sender is told what has become of it. */
  readonly isTold: boolean;
  /** Whether it was for the present members only. */
  readonly isEphemeral: boolean;
  /** Whether a fault may have hidden the outcome from the sender, or the log has failed, since it was sent. */
  readonly hadFault: () => boolean;
  /** Whether its sender has moved to another hub since. */
  readonly hasMoved: () => boolean;
  outcome?: { readonly at: ChannelPosition | undefined } | { readonly error: RxwireError };
}

/** Publishes messages, and remembers what became of each. */
export function createTraffic(nodes: readonly Node[], members: readonly Member[], setting: ChannelsSetting) {
  const { clock, chance, plan, shared, contents, ephemeral, counts, say } = setting;
  const all$: Published[] = [];
  const sizes = [...plan.hubs.map(({ maxSize }) => maxSize), ...plan.members.map(({ limits }) => Math.min(limits.maxFrame, 8_000))];
  let count = 0;

  const drawContent = (): Content => (chance.hit(plan.poison) ? drawPoison(chance, sizes) : drawPlain(chance));
  /** Returns a message; some have the id of another one, and its payload. */
  const draw = (channel: ChannelName, by: string): { readonly message: Message; readonly content: Content } => {
    counts.messages++;
    const others = all$.filter((published) => published.channel === channel && !published.isEphemeral);
    if (others.length > 0 && chance.hit(plan.repeats)) {
      const { message } = chance.pick(others.slice(-5));
      return { message, content: contents.get(message.id)! };
    }
    const content = drawContent();
    const id = `${by}-${++count}`;
    contents.set(id, content);
    const metadata = channel === 'keys' ? { key: `k${chance.whole(1, 4)}`, ...(chance.hit(0.2) && { deleted: true }) } : {};
    const isEphemeral = channel === 'room' && chance.hit(plan.ephemeral);
    if (isEphemeral) ephemeral.add(id);
    return {
      message: createMessage<string, unknown>('test.said', content.value, {
        ...{ id, timestamp: 1, metadata },
        ...(isEphemeral && { delivery: 'at-most-once' }),
      }),
      content,
    };
  };
  /** Whether a hub stores a message: each of its codecs can carry it, and its largest form is small enough. */
  const isStorable = ({ plan: { codecs, maxSize }, knowsCodecs }: Node, content: Content, message: Message): Verdict => {
    const verdict = all(
      codecs.flatMap((codec) => [
        carries(codec, USUAL_LIMITS, content, message),
        content.carriedBy.includes(codec) ? isBelow(sizeOf(codec, message), maxSize) : 'no',
      ]),
    );
    // Before the hub knows the codecs, it estimates.
    return verdict === 'yes' || knowsCodecs() ? verdict : 'either';
  };
  const note = (published: Published, content: Content): Published => {
    all$.push(published);
    const { message, channel, source, isStorable: verdict } = published;
    say(source, () => `publishes ${message.id} in ${channel}: ${content.text}, ${verdict}${published.isEphemeral ? ', ephemeral' : ''}`);
    return published;
  };
  const settle = (published: Published, outcome: NonNullable<Published['outcome']>): void => {
    say(published.source, () =>
      'error' in outcome
        ? `${published.message.id} is refused: ${String(outcome.error)}`
        : `${published.message.id} is at ${outcome.at?.offset}`,
    );
    published.outcome ??= outcome;
  };
  const wait = (published: Published, sent: Promise<ChannelPosition | undefined>): void => {
    sent.then(
      (at) => settle(published, { at }),
      (error: unknown) => settle(published, { error: error as RxwireError }),
    );
  };

  const byMember = (member: Member, channel: ChannelName): void => {
    const { node, name, plan: own, starts, nodes: reached } = member;
    const [wire, begun, faults, losses, ended] = [member.wire(), starts(), node.faults(), shared.losses(), shared.hasEnded(channel)];
    const { message, content } = draw(channel, name);
    const carrier = carrierOf('channel.publish', message);
    const maxFrame = Math.min(own.limits.maxFrame, node.plan.maxFrame);
    const codecs = own.codecs.filter((codec) => node.plan.codecs.includes(codec));
    const carried = oneOf(codecs.map((codec) => carries(codec, { ...USUAL_LIMITS, maxFrame }, content, carrier)));
    const storable = ended
      ? 'either'
      : all([reached.size > 1 && carried === 'no' ? 'either' : carried, isStorable(node, content, message)]);
    const hadFault = (): boolean =>
      wire !== member.wire() ||
      member.node !== node ||
      starts() > begun ||
      node.faults() > faults ||
      shared.losses() > losses ||
      shared.hasEnded(channel);
    const isEphemeral = message.delivery === 'at-most-once';
    const isTold = !isEphemeral;
    const published = note(
      {
        message,
        source: name,
        channel,
        by: wire,
        hasMoved: () => member.node !== node || member.nodes.size > 1,
        isStorable: storable,
        isTold,
        isEphemeral,
        hadFault,
      },
      content,
    );
    const room = member.channelOf(channel);
    if (isTold && chance.hit(0.6)) return wait(published, room.send(message));
    const fail = (error: RxwireError): void => settle(published, { error });
    wire.failures$.subscribe(({ id, error }) => id === message.id && fail(error as RxwireError));
    return room.next(message);
  };
  const byHub = (node: Node, channel: ChannelName): void => {
    if (!node.life.isAlive() || node.life.isFrozen()) return;
    const [faults, losses, life, ended] = [node.faults(), shared.losses(), node.life, shared.hasEnded(channel)];
    const { message, content } = draw(channel, node.name.replace(' ', ''));
    const isEphemeral = message.delivery === 'at-most-once';
    const isTold = !isEphemeral && chance.hit(0.5);
    const hadFault = (): boolean => node.life !== life || node.faults() > faults || shared.losses() > losses || shared.hasEnded(channel);
    const storable = ended ? 'either' : isStorable(node, content, message);
    const published = note(
      { message, source: 'hub', channel, by: 'hub', hasMoved: () => false, isStorable: storable, isTold, isEphemeral, hadFault },
      content,
    );
    const room = node.rooms.channel(channel);
    if (isTold) wait(published, room.send(message));
    else room.next(message);
  };
  /** Another program writes to the log, and asks nobody whether anybody can read it. */
  const byOther = (channel: ChannelName): void => {
    if (shared.hasEnded(channel)) return;
    counts.messages++;
    const content = drawContent();
    const isInvalid = chance.hit(plan.poison * 0.2);
    const envelope = chance.pick([{ priority: 9 }, { type: '' }, { source: 'x'.repeat(300) }]);
    const id = `log-${++count}`;
    contents.set(id, isInvalid ? { ...content, text: 'an invalid envelope', envelope } : content);
    const metadata = channel === 'keys' ? { key: `k${chance.whole(1, 4)}` } : {};
    const message = createMessage<string, unknown>('test.said', content.value, { id, timestamp: 1, metadata, source: 'log' });
    say('log', () => `${id} is written to ${channel}: ${contents.get(id)!.text}`);
    shared.log.append(channel, isInvalid ? ({ ...message, ...envelope } as Message) : message);
  };
  const publishOne = (): void => {
    const channel = chance.hit(0.75) ? 'room' : 'keys';
    const kind = chance.pick(['member', 'member', 'member', 'hub', 'log'] as const);
    if (kind === 'log') byOther(channel);
    else if (kind === 'hub') byHub(chance.pick(nodes), channel);
    else byMember(chance.pick(members), channel);
  };
  const start = (): void => {
    clock.after(-Math.log(1 - chance.random()) * plan.pause, () => {
      if (setting.isCalm()) return;
      for (let left = chance.whole(1, plan.burst); left > 0 && counts.messages < plan.messages; left--) publishOne();
      start();
    });
  };

  const faultOf = (published: Published): string | undefined => {
    const { message, source, channel, isTold, isEphemeral, outcome } = published;
    const { id } = message;
    const stored = shared.find(channel, { source, id });
    if (isEphemeral) return stored.length > 0 ? `${id} is stored, though it is ephemeral` : undefined;
    /** The same message, each time it was published. */
    const same = all$.filter((one) => one.message.id === id && one.source === source && one.channel === channel);
    const mayStore = same.some((one) => one.isStorable !== 'no' || one.hasMoved());
    const storable = published.isStorable === 'no' && mayStore ? 'either' : published.isStorable;
    const publishers = new Set(stored.map((entry) => entry.message.source)).size;
    const isRepeated = stored.some(({ isRepeat }) => isRepeat) || publishers > new Set(same.map(({ by }) => by)).size;
    if (isRepeated) return `${id} is stored ${stored.length} times`;
    const isStored = stored.length > 0;
    if (isStored && storable === 'no') return `${id} is stored, though not every codec of its hub can carry it: ${contents.get(id)!.text}`;
    const at = outcome && 'at' in outcome ? outcome.at : undefined;
    if (outcome && 'at' in outcome && !stored.some(({ epoch, offset }) => epoch === at?.epoch && offset === at.offset))
      return `${id} is not at ${at?.offset}`;
    const hasFailed = outcome !== undefined && 'error' in outcome;
    if (!published.hadFault() && !isStored && isTold && !hasFailed) return `${id} is not stored, and its sender does not know`;
    if (published.hadFault() || (hasFailed && outcome.error.code === 'ERR_CHANNEL_TIMEOUT')) return undefined;
    // A repeat shares the write of one before it, and its failure.
    const isShared = same.slice(0, same.indexOf(published)).some((one) => one.hadFault());
    if (isShared && hasFailed && (outcome.error as { readonly reason?: string }).reason === 'failed') return undefined;
    if (hasFailed && storable === 'yes') return `${id} is refused: ${String(outcome.error)}`;
    if (hasFailed && isStored && plan.repeats === 0) return `${id} is stored and refused: ${String(outcome.error)}`;
    return !isStored && storable === 'yes' ? `${id} is not stored` : undefined;
  };
  /** Returns what is wrong with a message; undefined if the log has all that it should have, and no more. */
  const fault = (): string | undefined => {
    for (const published of all$) {
      const found = faultOf(published);
      if (found) return found;
    }
    return undefined;
  };
  return { start, publishOne, byHub, fault };
}
