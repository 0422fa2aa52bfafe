import { createCoalescedTimer } from '../../operators/timing/coalescedTimer.js';
import { channelToken, failed, type NodeContext } from './natsContext.js';
import { encodeNodeMessage, memberSize, type ChannelVersion, type NodeMessage, type SnapshotPart } from './nodeMessages.js';
import type { PresenceChannel, PresencePeer } from './presenceMembers.js';

export type PresenceContext = Pick<
  NodeContext,
  'name' | 'connection' | 'listen' | 'isConnected' | 'reconnected$' | 'maxPayload' | 'scheduler' | 'report'
>;

export type PresenceState = ReturnType<typeof createPresenceState>;

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

/** The minimum time between two runs that publish changes, in ms: it bounds the messages. */
const INTERVAL = 20;
/** The time in which a node answers a request. */
const ANSWER_TICKS = 2;
/** The size of the parts of a message, in bytes, and the share of what NATS accepts. */
const PART_BYTES = 32_768;
const PART_SHARE = 4;

export function createPresenceWriter(state: PresenceState) {
  const { node, connection, isConnected, subjects, scheduler, channels, peers } = state;
  const nextHeartbeat = createChangeLog();
  const changed = new Set<PresenceChannel>();
  /** The channels in which the members of this node have changed lately, by their versions. */
  const recent = new Map<string, number>();
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
    for (const channel of changed) {
      const { name, own, touched } = channel;
      const sizeOf = (id: string): number => {
        const member = own.get(id);
        return member ? memberSize(member) : id.length + 2;
      };
      for (const ids of touched.size > 0 ? chunk([...touched], sizeOf, partBytes()) : []) {
        const after = channel.version;
        channel.version = ++version;
        recent.delete(name);
        recent.set(name, version);
        const change = { set: ids.flatMap((id) => own.get(id) ?? []), left: ids.filter((id) => !own.has(id)) };
        send(subjects.channel(name), { kind: 'delta', node, after, version, ...change });
      }
      touched.clear();
      dropIfIdle(state, channel);
    }
    changed.clear();
  };
  const ask = (peer: PresencePeer): void => {
    const { id, wanted } = peer;
    const due = [...wanted].filter(([, at]) => state.ticks - at >= ANSWER_TICKS).map(([channel]) => channel);
    for (const channel of due) wanted.set(channel, state.ticks);
    const requests = due.map((channel): ChannelVersion => [channel, channels.get(channel)?.versionAt(peer) ?? -1]);
    for (const part of due.length > 0 ? chunk(requests, ([channel]) => channel.length + 8, partBytes()) : [])
      send(subjects.to(id), { kind: 'ask', node, channels: part });
  };
  const heartbeat = (): void => {
    isHeartbeatDue = false;
    publishChanges();
    send(subjects.nodes, { kind: 'heartbeat', node, version, ...nextHeartbeat(recent, version) });
  };
  const run = (): void => {
    lastRun = scheduler.now();
    publishChanges();
    if (isHeartbeatDue) heartbeat();
    if (isConnected()) for (const peer of peers.values()) ask(peer);
  };
  const timer = createCoalescedTimer(scheduler, run);
  const runSoon = (): void => timer.set(Math.max(0, lastRun + INTERVAL - scheduler.now()));

  return {
    touch(channel: PresenceChannel, id: string): void {
      channel.touched.add(id);
      changed.add(channel);
      runSoon();
    },
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
      const parts = requests.flatMap(([name, known]) => snapshotParts(name, channels.get(name), known, limit));
      for (const part of chunk(parts, partSize, limit)) send(subjects.to(to), { kind: 'snapshot', node, version, parts: part });
    },
    end(): void {
      timer.clear();
      send(subjects.nodes, { kind: 'bye', node });
    },
  };
}

/**
 * Returns the own members of a channel, in parts below a size; none if the known version has them.
 */
function snapshotParts(name: string, channel: PresenceChannel | undefined, known: number, limit: number): readonly SnapshotPart[] {
  const isSame = channel !== undefined && channel.version > 0 && known >= channel.version;
  const lists = chunk(isSame || !channel ? [] : [...channel.own.values()], memberSize, limit);
  return lists.map((members, at) => ({ channel: name, isSame, isFirst: at === 0, isLast: at === lists.length - 1, members }));
}

function partSize({ channel, members }: SnapshotPart): number {
  return members.reduce((size, member) => size + memberSize(member), channel.length + 48);
}

/** Splits a list into parts up to a size, but of one item at least. No items are one part. */
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
export function dropIfIdle({ channels }: PresenceState, { name, users, touched, own }: PresenceChannel): void {
  if (users === 0 && touched.size === 0 && own.size === 0) channels.delete(name);
}

/** The heartbeats with a change: a node that has missed all compares all channels. */
const REPEATS = 3;
/** The maximum number of channels in a heartbeat. Above it, nodes compare all channels. */
const MAX_CHANGED = 256;

/**
 * Creates a function that returns the channels that have changed in the time of the last
 * heartbeats, and the version since when they are complete. It removes the older ones.
 */
function createChangeLog() {
  const versions: number[] = [];
  let since = 0;
  return (recent: Map<string, number>, version: number): { readonly since: number; readonly channels: readonly ChannelVersion[] } => {
    if (versions.length === REPEATS) since = Math.max(since, versions.shift() ?? 0);
    versions.push(version);
    for (const [channel, at] of recent) {
      if (at > since && recent.size <= MAX_CHANGED) break;
      recent.delete(channel);
      since = Math.max(since, at);
    }
    return { since, channels: [...recent] };
  };
}
