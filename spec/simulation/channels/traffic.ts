import { createMessage, type ChannelPosition, type Message, type RxwireError } from '../../../lib/index.js';
import type { ChannelName, Member } from './member.js';
import type { Node } from './node.js';
import { all, carrierOf, carries, drawPlain, drawPoison, isBelow, sizeOf, USUAL_LIMITS, type Content, type Verdict } from './poison.js';
import type { ChannelsSetting } from './setting.js';

/** A message that was published, and what its sender knows of it. */
interface Published {
  readonly id: string;
  readonly channel: ChannelName;
  /** Whether the hub must store it. */
  readonly isStorable: Verdict;
  /** Whether its sender is told what has become of it. */
  readonly isTold: boolean;
  /** Whether a fault may have hidden the outcome from the sender, or the log has failed, since it was sent. */
  readonly hadFault: () => boolean;
  outcome?: { readonly at: ChannelPosition | undefined } | { readonly error: RxwireError };
}

/** Publishes messages, and remembers what became of each. */
export function createTraffic(nodes: readonly Node[], members: readonly Member[], setting: ChannelsSetting) {
  const { clock, chance, plan, shared, contents, counts, say, violate } = setting;
  const all$: Published[] = [];
  const sizes = [...plan.hubs.map(({ maxSize }) => maxSize), ...plan.members.map(({ limits }) => Math.min(limits.maxFrame, 8_000))];
  let count = 0;

  const drawContent = (): Content => (chance.hit(plan.poison) ? drawPoison(chance, sizes) : drawPlain(chance));
  const create = (content: Content, channel: ChannelName, by: string): Message => {
    counts.messages++;
    const id = `${by}-${++count}`;
    contents.set(id, content);
    const metadata = channel === 'keys' ? { key: `k${chance.whole(1, 5)}` } : {};
    return createMessage<string, unknown>('test.said', content.value, { id, timestamp: 1, metadata });
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
    say(published.id, () => `is published in ${published.channel}: ${content.text}, ${published.isStorable}`);
    return published;
  };
  const settle = (published: Published, outcome: NonNullable<Published['outcome']>): void => {
    say(published.id, () => ('error' in outcome ? `is refused: ${String(outcome.error)}` : `is at ${outcome.at?.offset}`));
    published.outcome ??= outcome;
  };
  const wait = (published: Published, sent: Promise<ChannelPosition | undefined>): void => {
    sent.then(
      (at) => settle(published, { at }),
      (error: unknown) => settle(published, { error: error as RxwireError }),
    );
  };

  const byMember = (member: Member, channel: ChannelName): void => {
    const { node, name, plan: own, starts } = member;
    const [content, wire, begun, faults] = [drawContent(), member.wire(), starts(), node.log.faults()];
    const message = create(content, channel, name);
    const carrier = carrierOf('channel.publish', message);
    const maxFrame = Math.min(own.limits.maxFrame, node.plan.maxFrame);
    const storable = all([carries(own.codec, { ...USUAL_LIMITS, maxFrame }, content, carrier), isStorable(node, content, message)]);
    const hadFault = (): boolean => wire !== member.wire() || starts() > begun || node.log.faults() > faults;
    const published = note({ id: message.id, channel, isStorable: storable, isTold: true, hadFault }, content);
    const room = member.channelOf(channel);
    if (chance.hit(0.6)) return wait(published, room.send(message));
    const fail = (error: RxwireError): void => settle(published, { error });
    wire.failures$.subscribe(({ id, error }) => id === message.id && fail(error as RxwireError));
    return room.next(message);
  };
  const byHub = (node: Node, channel: ChannelName): void => {
    const [content, faults] = [drawContent(), node.log.faults()];
    const message = create(content, channel, node.name.replace(' ', ''));
    const isTold = chance.hit(0.5);
    const hadFault = (): boolean => node.log.faults() > faults;
    const published = note({ id: message.id, channel, isStorable: isStorable(node, content, message), isTold, hadFault }, content);
    const room = node.rooms.channel(channel);
    if (isTold) wait(published, room.send(message));
    else room.next(message);
  };
  /** Another program writes to the log, and asks nobody whether anybody can read it. */
  const byOther = (channel: ChannelName): void => {
    const content = drawContent();
    const isInvalid = chance.hit(plan.poison * 0.2);
    const envelope = chance.pick([{ priority: 9 }, { type: '' }, { source: 'x'.repeat(300) }]);
    const message = create(isInvalid ? { ...content, text: 'an invalid envelope', envelope } : content, channel, 'log');
    say(message.id, () => `is written to ${channel}: ${contents.get(message.id)!.text}`);
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

  const fail = (detail: string): void => violate('channels', detail);
  const check = (published: Published): void => {
    const { id, channel, isStorable: storable, isTold, outcome } = published;
    const stored = shared.entries(channel).filter(({ message }) => message.id === id);
    if (stored.length > 1) return fail(`${id} is stored ${stored.length} times`);
    const isStored = stored.length > 0;
    if (isStored && storable === 'no')
      return fail(`${id} is stored, though not every codec of its hub can carry it: ${contents.get(id)!.text}`);
    if (outcome && 'at' in outcome && stored[0]?.offset !== outcome.at?.offset) return fail(`${id} is not at ${outcome.at?.offset}`);
    const hasFailed = outcome !== undefined && 'error' in outcome;
    if (!isStored && isTold && !hasFailed) return fail(`${id} is not stored, and its sender does not know`);
    if (published.hadFault() || (hasFailed && outcome.error.code === 'ERR_CHANNEL_TIMEOUT')) return;
    if (hasFailed && storable === 'yes') return fail(`${id} is refused: ${String(outcome.error)}`);
    if (hasFailed && isStored) return fail(`${id} is stored and refused: ${String(outcome.error)}`);
    if (!isStored && storable === 'yes') fail(`${id} is not stored`);
  };
  return { start, publishOne, check: () => all$.forEach(check) };
}
