import { defer, NEVER, Subscription } from 'rxjs';
import {
  channel,
  connect,
  type Channel,
  type ChannelEntry,
  type ChannelMember,
  type Message,
  type Presence,
  type Wire,
} from '../../../lib/index.js';
import { createLife, type Life } from '../life.js';
import { codecOf, type MemberPlan } from './plan.js';
import type { Node } from './node.js';
import { carrierOf, carries, type Content, type Limits, type Verdict } from './poison.js';
import { createReaderCheck, type ReaderCheck } from './readers.js';
import type { ChannelsSetting } from './setting.js';

export type ChannelName = 'room' | 'keys';

/** A client that reads channels, over all its wires. */
export interface Member {
  readonly name: string;
  readonly plan: MemberPlan;
  readonly node: Node;
  readonly life: Life;
  readonly channelOf: (name: ChannelName) => Channel;
  readonly wire: () => Wire;
  /** Whether its wire can carry a message, or a state, that a hub sends. */
  readonly carries: (content: Content, carrier: Message) => Verdict;
  /** The same, for an entry of the log. */
  readonly mayReceive: (entry: ChannelEntry) => Verdict;
  readonly pastGaps: ReadonlySet<number>;
  /** What it has set with `updatePresence`; undefined where it has left: another wire of it may still be a member. */
  readonly states: ({ readonly tag: number; readonly content: Content } | undefined)[];
  /** The others as it sees them; undefined: it does not watch, or does not know yet. */
  readonly members: () => readonly ChannelMember[] | undefined;
  readonly isJoined: () => boolean;
  join(): void;
  leave(): void;
  /** The page is loaded again. */
  reload(): void;
  /** Checks that it has received all. */
  check(): void;
  /** How often it has joined, or lost its session: each time a message may be sent to it once more. */
  readonly starts: () => number;
}

export function createMember(plan: MemberPlan, node: Node, setting: ChannelsSetting): Member {
  const { clock, chance, violate, say, shared, contents } = setting;
  const { name, codec, limits, window } = plan;
  const life = createLife({ clock, chance, name, crash: () => 0, onCrash: () => undefined });
  const { scheduler, microtask } = life;
  const own: Limits = { ...limits, maxFrame: Math.min(limits.maxFrame, node.plan.maxFrame) };
  const names: readonly ChannelName[] = plan.isKeyed ? ['room', 'keys'] : ['room'];
  const states: Member['states'] = [];
  let wire: Wire;
  let joined: Subscription | undefined;
  let checks: readonly ReaderCheck[] = [];
  let members: readonly ChannelMember[] | undefined;
  let starts = 0;
  let hasEnded = false;
  /** The type of the message that the wire delivers. */
  let carrier = '';
  /** The offsets of the gaps in answers to requests for older messages. */
  const pastGaps = new Set<number>();

  const verdicts = new Map<string, Verdict>();
  const mayReceive = ({ message }: ChannelEntry): Verdict => {
    const known = verdicts.get(message.id) ?? carries(codec, own, contents.get(message.id)!, carrierOf('channel.message', message));
    verdicts.set(message.id, known);
    return known;
  };
  const channelOf = (channelName: ChannelName): Channel =>
    channel(wire, channelName, { from: 'start', scheduler, microtask, answerTimeout: 5_000 });
  const open = (): void => {
    wire = connect({
      ...{ link: (outgoing) => defer(() => node.network.link(life)(outgoing)), codec: codecOf(codec, limits), token: name, id: name },
      ...{ maxFrame: limits.maxFrame, window, scheduler, microtask, signals$: NEVER },
      reconnect: { initialInterval: 50, maxInterval: 1_000, random: chance.random },
    });
    wire.subscribe({
      next: ({ type }) => (carrier = type),
      error: (error: unknown) => violate('channels', `the wire of ${name} has failed: ${String(error)}`),
    });
    wire.errors$.subscribe((error) => {
      if (error.code === 'ERR_SESSION_LOST') starts++;
      say(name, () => `reports ${String(error)}`);
    });
  };
  const read = (channelName: ChannelName): ReaderCheck => {
    const room = channelOf(channelName);
    const check = createReaderCheck(channelName === 'keys', {
      name: `${name} in ${channelName}`,
      entries: () => shared.entries(channelName),
      carries: mayReceive,
      fail: (detail) => violate('channels', detail),
    });
    const ended = (how: string): void => {
      say(name, () => `${channelName} ends: ${how}`);
      if (shared.entries(channelName).at(-1)?.message.type !== 'channel.ended') violate('channels', `${name}: ${channelName} ends: ${how}`);
      else if (channelName === 'room') hasEnded = true;
    };
    joined!.add(
      room.gaps$.subscribe((gap) => {
        say(name, () => `gets a gap of ${channelName}: ${gap.reason}, ${gap.after.offset} to ${gap.next.offset}`);
        if (carrier === 'channel.past') pastGaps.add(gap.next.offset - 1);
        else check.gap(gap);
      }),
    );
    joined!.add(room.errors$.subscribe((error) => say(name, () => `reports of ${channelName}: ${String(error)}`)));
    joined!.add(
      room.subscribe({
        next(message) {
          say(name, () => `gets ${message.id} of ${channelName}`);
          if (message.delivery !== 'at-most-once') check.message(message);
        },
        error: (error: unknown) => ended(String(error)),
        complete: () => ended('completed'),
      }),
    );
    const watch = ({ others }: Presence): void => {
      members = others;
      say(name, () => `sees ${others.map(({ id }) => id).join(' ')}`);
    };
    if (channelName === 'room' && plan.watches) joined!.add(room.presence$.subscribe(watch));
    joined!.add(room.state$.subscribe(({ status }) => say(name, () => `is ${status} in ${channelName}`)));
    return check;
  };
  const join = (): void => {
    if (joined) return;
    say(name, () => 'joins');
    starts++;
    hasEnded = false;
    joined = new Subscription();
    checks = names.map(read);
  };
  const leave = (): void => {
    say(name, () => 'leaves');
    joined?.unsubscribe();
    joined = undefined;
    members = undefined;
    states.push(undefined);
  };
  open();
  return {
    ...{ name, plan, node, life, channelOf, mayReceive, pastGaps, states, join, leave },
    wire: () => wire,
    carries: (content, carrier) => carries(codec, own, content, carrier),
    members: () => members,
    isJoined: () => joined !== undefined && !hasEnded,
    starts: () => starts,
    reload() {
      leave();
      say(name, () => 'is loaded again');
      wire.unsubscribe();
      open();
      join();
    },
    check: () => joined && checks.forEach((check) => check.end()),
  };
}
