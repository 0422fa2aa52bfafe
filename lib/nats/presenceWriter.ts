import { StoreError } from '../errors.js';
import { createCoalescedTimer } from '../internal/coalescedTimer.js';
import { createChangeLog } from './changeLog.js';
import { encodeNodeMessage, memberSize, type ChannelVersion, type NodeMessage, type SnapshotPart } from './nodeMessages.js';
import { chunk, snapshotParts, takeOwnChanges, type PresenceChannel } from './presenceChannel.js';
import type { PresencePeer } from './presencePeer.js';
import { dropIfIdle, type PresenceState } from './presenceState.js';

/** The messages of this node to the others. */
export interface PresenceWriter {
  /** Publishes the change of a member of this node soon. */
  readonly touch: (channel: PresenceChannel, id: string) => void;
  /** Sends the requests that are wanted soon. */
  readonly askSoon: () => void;
  readonly heartbeat: () => void;
  readonly heartbeatSoon: () => void;
  /** Sends the own members of channels to a node, where its version is not the newest one. */
  readonly answer: (node: string, channels: readonly ChannelVersion[]) => void;
  readonly end: () => void;
}

/**
 * The shortest time between two runs that publish changes, in ms: it bounds the number of messages.
 */
const INTERVAL = 20;

/** The size of the parts of a message, in bytes, and the share of what NATS accepts. */
const PART_BYTES = 32_768;
const PART_SHARE = 4;

export function createPresenceWriter(state: PresenceState): PresenceWriter {
  const { node, core, subjects, scheduler, channels, peers } = state;
  const changeLog = createChangeLog();
  const changed = new Set<PresenceChannel>();
  let [version, lastRun, isHeartbeatDue] = [0, -Infinity, false];

  const send = (subject: string, message: NodeMessage): void => {
    // The client of NATS would keep the message, and send it late.
    if (!core.isConnected()) return;
    try {
      core.publish(subject, encodeNodeMessage(message));
    } catch (cause) {
      state.report(new StoreError('nats', 'failed', cause));
    }
  };
  const partBytes = (): number => Math.min(PART_BYTES, core.maxPayload() / PART_SHARE);
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
    if (core.isConnected()) for (const peer of peers.values()) if (peer.wanted.size > 0) ask(peer);
  };
  const timer = createCoalescedTimer(scheduler, run);
  const runSoon = (): void => timer.set(Math.max(0, lastRun + INTERVAL - scheduler.now()));

  return {
    touch(channel, id) {
      channel.touched.add(id);
      changed.add(channel);
      runSoon();
    },
    askSoon: runSoon,
    heartbeat,
    heartbeatSoon() {
      isHeartbeatDue = true;
      runSoon();
    },
    answer(to, requests) {
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
    end() {
      timer.clear();
      send(subjects.nodes, { kind: 'bye', node });
    },
  };
}

function partSize({ channel, members }: SnapshotPart): number {
  return members.reduce((size, member) => size + memberSize(member), channel.length + 48);
}
