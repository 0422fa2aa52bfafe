import { createCoalescedTimer } from '../internal/coalescedTimer.js';
import { channelToken, failed, type NodeContext } from './natsContext.js';
import {
  encodeNodeMessage,
  memberSize,
  type ChannelVersion,
  type ClusterMember,
  type NodeMessage,
  type PresenceDelta,
  type SnapshotPart,
} from './nodeMessages.js';
import type { PresenceChannel, PresencePeer } from './presenceMembers.js';

/** The part of the context of a node that presence uses. */
export type PresenceContext = Pick<
  NodeContext,
  'name' | 'connection' | 'listen' | 'isConnected' | 'reconnected$' | 'maxPayload' | 'scheduler' | 'report'
>;

/** The state that the parts of a node share. */
export type PresenceState = ReturnType<typeof createPresenceState>;

/** @param node Names this run of the node. */
export function createPresenceState(context: PresenceContext, node: string) {
  const prefix = `${context.name}.presence`;
  return {
    ...context,
    node,
    subjects: {
      /** The subject of heartbeats, which all nodes receive. */
      nodes: `${prefix}.nodes`,
      /** The subject of the requests to one node, and of the answers to it. */
      to: (other: string): string => `${prefix}.to.${other}`,
      /** The subject of the changes of a channel. An invalid name of a channel is a TypeError. */
      channel: (name: string): string => `${prefix}.channel.${channelToken(name)}`,
    },
    channels: new Map<string, PresenceChannel>(),
    peers: new Map<string, PresencePeer>(),
    /** The ticks of the node, and those since it has last received its own heartbeat. */
    ticks: 0,
    silence: 0,
  };
}

export type PresenceWriter = ReturnType<typeof createPresenceWriter>;

/**
 * The shortest time between two runs that publish changes, in ms: it bounds the number of messages.
 */
const INTERVAL = 20;

/** The size of the parts of a message, in bytes, and the share of what NATS accepts. */
const PART_BYTES = 32_768;
const PART_SHARE = 4;

/** Creates the functions that send the messages of this node to the others. */
export function createPresenceWriter(state: PresenceState) {
  const { node, connection, isConnected, subjects, scheduler, channels, peers } = state;
  const changeLog = createChangeLog();
  const changed = new Set<PresenceChannel>();
  let [version, lastRun, isHeartbeatDue] = [0, -Infinity, false];

  const send = (subject: string, message: NodeMessage): void => {
    // The client of NATS would keep the message, and send it late.
    if (!isConnected()) return;
    try {
      connection.publish(subject, encodeNodeMessage(message));
    } catch (cause) {
      state.report(failed(cause));
    }
  };
  const partBytes = (): number => Math.min(PART_BYTES, state.maxPayload() / PART_SHARE);
  const publishChanges = (): void => {
    const limit = partBytes();
    for (const channel of changed) {
      for (const part of takeOwnChanges(channel, limit)) {
        const after = channel.version;
        channel.version = ++version;
        changeLog.add(channel.name, version);
        send(subjects.channel(channel.name), { kind: 'delta', node, after, version, ...part });
      }
      dropIfIdle(state, channel);
    }
    changed.clear();
  };
  const ask = ({ id, wanted, asked, versionOf }: PresencePeer): void => {
    const requests = [...wanted].map((channel): ChannelVersion => [channel, versionOf(channel)]);
    for (const channel of wanted) asked.set(channel, state.ticks);
    wanted.clear();
    for (const part of chunk(requests, ([channel]) => channel.length + 8, partBytes()))
      send(subjects.to(id), { kind: 'ask', node, channels: part });
  };
  const heartbeat = (): void => {
    isHeartbeatDue = false;
    publishChanges();
    send(subjects.nodes, { kind: 'heartbeat', node, version, ...changeLog.next(version) });
  };
  const run = (): void => {
    lastRun = scheduler.now();
    publishChanges();
    if (isHeartbeatDue) heartbeat();
    if (isConnected()) for (const peer of peers.values()) if (peer.wanted.size > 0) ask(peer);
  };
  const timer = createCoalescedTimer(scheduler, run);
  const runSoon = (): void => timer.set(Math.max(0, lastRun + INTERVAL - scheduler.now()));

  return {
    /** Publishes the change of a member of this node soon. */
    touch(channel: PresenceChannel, id: string): void {
      channel.touched.add(id);
      changed.add(channel);
      runSoon();
    },
    /** Sends the requests that are wanted soon. */
    askSoon: runSoon,
    heartbeat,
    heartbeatSoon(): void {
      isHeartbeatDue = true;
      runSoon();
    },
    /** Sends the own members of channels to a node, where its version is not the newest one. */
    answer(to: string, requests: readonly ChannelVersion[]): void {
      publishChanges();
      const limit = partBytes();
      const parts = requests.flatMap(([name, known]): readonly SnapshotPart[] => {
        const channel = channels.get(name);
        if (channel && channel.version > 0 && known >= channel.version)
          return [{ channel: name, isSame: true, isFirst: true, isLast: true, members: [] }];
        return snapshotParts(name, [...(channel?.members.own.values() ?? [])], limit);
      });
      for (const part of chunk(parts, partSize, limit)) send(subjects.to(to), { kind: 'snapshot', node, version, parts: part });
    },
    end(): void {
      timer.clear();
      send(subjects.nodes, { kind: 'bye', node });
    },
  };
}

function partSize({ channel, members }: SnapshotPart): number {
  return members.reduce((size, member) => size + memberSize(member), channel.length + 48);
}

/** Takes the changes of the own members, in parts below a size. */
function takeOwnChanges({ members: { own }, touched }: PresenceChannel, limit: number): readonly Pick<PresenceDelta, 'set' | 'left'>[] {
  if (touched.size === 0) return [];
  const sizeOf = (id: string): number => {
    const member = own.get(id);
    return member ? memberSize(member) : id.length + 2;
  };
  const parts = chunk([...touched], sizeOf, limit);
  touched.clear();
  return parts.map((ids) => ({ set: ids.flatMap((id) => own.get(id) ?? []), left: ids.filter((id) => !own.has(id)) }));
}

/** Returns the own members, in parts below a size. */
function snapshotParts(name: string, own: readonly ClusterMember[], limit: number): readonly SnapshotPart[] {
  const lists = chunk(own, memberSize, limit);
  return lists.map((members, index) => ({ channel: name, isFirst: index === 0, isLast: index === lists.length - 1, members }));
}

/**
 * Splits a list into parts below a size; an empty list has one part. An item above the size has a
 * part of its own.
 */
function chunk<T>(items: readonly T[], measure: (item: T) => number, limit: number): readonly (readonly T[])[] {
  const parts: T[][] = [[]];
  let room = limit;
  for (const item of items) {
    const size = measure(item);
    if (size > room && parts.at(-1)?.length !== 0) {
      parts.push([]);
      room = limit;
    }
    room -= size;
    parts.at(-1)?.push(item);
  }
  return parts;
}

/** Forgets a channel that has no members of this node, nothing to publish, and no subscriber. */
export function dropIfIdle({ channels }: PresenceState, channel: PresenceChannel): void {
  if (channel.users === 0 && channel.touched.size === 0 && channel.members.own.size === 0) channels.delete(channel.name);
}

/**
 * A change is in this number of heartbeats: a node that has missed all of them compares all
 * channels.
 */
const REPEATS = 3;
/**
 * The maximum number of channels in a heartbeat. A node that has missed changes of more compares
 * all channels.
 */
const MAX_CHANGED = 256;

/** Remembers the channels in which the members of this node have changed lately. */
function createChangeLog() {
  /** In the order of their versions. */
  const changed = new Map<string, number>();
  /** The versions at the last heartbeats. */
  const versions: number[] = [];
  let dropped = 0;

  return {
    add(channel: string, version: number): void {
      changed.delete(channel);
      changed.set(channel, version);
      const [oldest] = changed;
      if (changed.size <= MAX_CHANGED || !oldest) return;
      changed.delete(oldest[0]);
      dropped = oldest[1];
    },
    /**
     * Returns the channels that have changed in the time of the last heartbeats, for the next one,
     * and the version since when they are complete.
     */
    next(version: number): { readonly since: number; readonly channels: readonly ChannelVersion[] } {
      if (versions.length === REPEATS) dropped = Math.max(dropped, versions.shift() ?? 0);
      versions.push(version);
      for (const [channel, at] of changed) {
        if (at > dropped) break;
        changed.delete(channel);
      }
      return { since: dropped, channels: [...changed] };
    },
  };
}
