import { defer, mergeMap, NEVER, Subject, Subscription, takeUntil, throwError } from 'rxjs';
import {
  channel,
  CloseCode,
  connect,
  ConnectionLostError,
  type Channel,
  type ChannelMember,
  type Message,
  type PositionStorage,
  type Presence,
  type Wire,
} from '../../../lib/index.js';
import { parsePosition } from '../../../lib/channels/channelPosition.js';
import { createLife, type Life } from '../life.js';
import { codecOf, type MemberPlan, type Quit } from './plan.js';
import { JOINED, type Node } from './node.js';
import { carrierOf, carries, oneOf, type Content, type Verdict } from './poison.js';
import { createReaderCheck, type ReaderCheck } from './readers.js';
import type { ChannelsSetting } from './setting.js';

export type ChannelName = 'room' | 'keys';

/** A client that reads channels, over all its wires. */
export interface Member {
  readonly name: string;
  readonly plan: MemberPlan;
  /** The hub that it reaches now, and those that it has reached. */
  readonly node: Node;
  readonly nodes: ReadonlySet<Node>;
  readonly life: Life;
  readonly channelOf: (name: ChannelName) => Channel;
  readonly wire: () => Wire;
  /** Whether its wire can carry a message, or a state, that a hub sends. */
  readonly carries: (content: Content, carrier: Message) => Verdict;
  /** The same, for a message of the log. */
  readonly mayReceive: (message: Message) => Verdict;
  readonly pastGaps: ReadonlySet<number>;
  /** What it has set with `updatePresence`; undefined where it has left: another wire of it may still be a member. */
  readonly states: ({ readonly tag: number; readonly content: Content; readonly wire: Wire; readonly node: Node } | undefined)[];
  /** The others as it sees them; undefined: it does not watch, or does not know yet. */
  readonly members: () => readonly ChannelMember[] | undefined;
  readonly isJoined: () => boolean;
  readonly hasEnded: () => boolean;
  join(): void;
  leave(): void;
  /** Goes for good. */
  quit(how: Quit): void;
  /** The page is loaded again. */
  reload(): void;
  /** The process dies, and another one begins. */
  kill(): void;
  /** Reaches another hub from now on. */
  moveTo(node: Node): void;
  /** Returns what it has not received; undefined if it has received all. */
  missing(): string | undefined;
  /** How often it has joined, lost its session, or moved: each time a message may be sent to it once more. */
  readonly starts: () => number;
}

export function createMember(plan: MemberPlan, first: Node, setting: ChannelsSetting): Member {
  const { clock, chance, violate, say, shared, contents, ephemeral } = setting;
  const { name, codecs, limits, window, from } = plan;
  const createOwnLife = (): Life => createLife({ clock, chance, name, crash: () => 0, onCrash: () => undefined });
  let life = createOwnLife();
  let node = first;
  const nodes = new Set([first]);
  const moves$ = new Subject<void>();
  /** A member that moves gives up a connection that is not open yet. */
  const moved$ = moves$.pipe(mergeMap(() => throwError(() => new ConnectionLostError(CloseCode.ABNORMAL, 'moved'))));
  const names: readonly ChannelName[] = plan.isKeyed ? ['room', 'keys'] : ['room'];
  const states: Member['states'] = [];
  const stored = new Map<string, string>();
  let wire: Wire;
  let joined: Subscription | undefined;
  const checks = new Map<ChannelName, ReaderCheck>();
  let members: readonly ChannelMember[] | undefined;
  let starts = 0;
  const ended = new Set<ChannelName>();
  /** The type of the message that the wire delivers. */
  let carrier = '';
  /** The offsets of the gaps in answers to requests for older messages. */
  const pastGaps = new Set<number>();

  /** The verdict of all wires that it may have at its hubs. */
  const carriesAnywhere = (content: Content, message: Message): Verdict =>
    oneOf(
      [...nodes].flatMap(({ plan: { maxFrame, codecs: known } }) =>
        codecs
          .filter((codec) => known.includes(codec))
          .map((codec) => carries(codec, { ...limits, maxFrame: Math.min(limits.maxFrame, maxFrame) }, content, message)),
      ),
    );
  const mayReceive = (message: Message): Verdict =>
    message.type === JOINED ? 'either' : carriesAnywhere(contents.get(message.id)!, carrierOf('channel.message', message));
  const storage: PositionStorage = {
    getItem: (key) => stored.get(key) ?? null,
    setItem: (key, value) => void stored.set(key, value),
  };
  const channelOf = (channelName: ChannelName): Channel =>
    channel(wire, channelName, {
      ...{ scheduler: life.scheduler, microtask: life.microtask, answerTimeout: 5_000 },
      // Of a keyed channel, all keys.
      from: from === 'last' ? { last: channelName === 'keys' ? 10 : 3 } : from === 'live' ? 'live' : 'start',
      ...(from === 'remember' && channelName === 'room' && { remember: storage }),
    });
  const open = (): void => {
    const own = life;
    const { scheduler, microtask } = own;
    wire = connect({
      ...{ link: (outgoing) => defer(() => node.network.link(own)(outgoing)).pipe(takeUntil(moved$)), token: name, id: name },
      codec: codecs.map((codec) => codecOf(codec, limits)),
      ...{ maxFrame: limits.maxFrame, window, scheduler, microtask, signals$: NEVER },
      reconnect: { initialInterval: 50, maxInterval: 1_000, random: chance.random },
    });
    wire.subscribe({
      next: ({ type }) => (carrier = type),
      error: (error: unknown) => own.isAlive() && violate('channels', `the wire of ${name} has failed: ${String(error)}`),
    });
    wire.errors$.subscribe((error) => {
      if (error.code === 'ERR_SESSION_LOST') starts++;
      say(name, () => `reports ${String(error)}`);
    });
  };
  const read = (channelName: ChannelName): ReaderCheck => {
    const room = channelOf(channelName);
    const isKeyed = channelName === 'keys';
    const isRemembered = from === 'remember' && !isKeyed;
    const fresh = (): ReaderCheck =>
      createReaderCheck(isKeyed, {
        ...{
          name: `${name} in ${channelName}`,
          shared,
          channel: channelName,
          mayReceive,
          isFromStart: isKeyed || from === 'start' || isRemembered,
        },
        isEphemeral: ({ id }) => ephemeral.has(id),
        fail: (detail) => violate('channels', detail),
      });
    const check = (isRemembered && checks.get(channelName)) || fresh();
    if (isRemembered) check.resume(stored.get('rxwire:room'));
    const end = (how: string): void => {
      say(name, () => `${channelName} ends: ${how}`);
      if (!shared.hasEnded(channelName)) violate('channels', `${name}: ${channelName} ends: ${how}`);
      if (ended.has(channelName)) violate('channels', `${name}: ${channelName} ends twice`);
      ended.add(channelName);
      check.end(how);
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
          if (ended.has(channelName)) violate('channels', `${name} gets ${message.id} behind the end of ${channelName}`);
          check.message(message, parsePosition(room.position ?? ''));
        },
        error: (error: unknown) => end(String(error)),
        complete: () => end('completed'),
      }),
    );
    const watch = ({ others }: Presence): void => {
      members = others;
      say(name, () => `sees ${others.map(({ id }) => id).join(' ')}`);
    };
    if (channelName === 'room' && plan.watches) joined!.add(room.presence$.subscribe(watch));
    joined!.add(
      room.state$.subscribe(({ status }) => {
        say(name, () => `is ${status} in ${channelName}`);
        if (status === 'joined') check.begin(room.position);
      }),
    );
    return check;
  };
  const join = (): void => {
    if (joined) return;
    say(name, () => 'joins');
    starts++;
    joined = new Subscription();
    for (const channelName of names) checks.set(channelName, read(channelName));
  };
  const leave = (): void => {
    say(name, () => 'leaves');
    joined?.unsubscribe();
    joined = undefined;
    ended.clear();
    members = undefined;
    states.push(undefined);
  };
  open();
  return {
    ...{ name, plan, nodes, channelOf, mayReceive, pastGaps, states, join, leave },
    get node() {
      return node;
    },
    get life() {
      return life;
    },
    wire: () => wire,
    carries: carriesAnywhere,
    members: () => members,
    isJoined: () => joined !== undefined && !ended.has('room'),
    hasEnded: () => ended.has('room'),
    starts: () => starts,
    quit(how) {
      say(name, () => `goes for good: ${how}`);
      starts++;
      if (how === 'die') life.die();
      leave();
      if (how === 'close') wire.unsubscribe();
    },
    reload() {
      leave();
      say(name, () => 'is loaded again');
      wire.unsubscribe();
      open();
      join();
    },
    kill() {
      say(name, () => 'is killed');
      life.die();
      leave();
      life = createOwnLife();
      open();
      join();
    },
    moveTo(next) {
      say(name, () => `moves to ${next.name}`);
      const { network } = node;
      const isBack = next !== node && nodes.has(next);
      starts++;
      node = next;
      nodes.add(next);
      for (const connection of network.connections()) if (connection.ends.client.life === life) network.drop(connection);
      moves$.next();
      // The hubs share no sessions: one that it has left, and that still waits for it, refuses the credentials of another one.
      if (isBack) this.reload();
    },
    missing() {
      if (!joined) return `${name} has not joined`;
      for (const channelName of names) {
        if (shared.hasEnded(channelName) && !ended.has(channelName)) return `${channelName} of ${name} does not end`;
        const missing = checks.get(channelName)?.missing();
        if (missing) return missing;
      }
      return undefined;
    },
  };
}
