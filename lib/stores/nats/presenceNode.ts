import { nanoid } from 'nanoid';
import { defer, EMPTY, finalize, interval, merge, of, Subscription, type Observable, type Unsubscribable } from 'rxjs';
import type { ClusterPresence, PresenceChange } from '../../channels/clusterPresence.js';
import { FrameTooLargeError } from '../../message/errors.js';
import type { ChannelMember } from '../../message/channelTypes.js';
import { corrupt, failed } from './natsContext.js';
import { decodeNodeMessage, memberSize, type NodeMessage, type PresenceHeartbeat } from './nodeMessages.js';
import { createPresenceChannel, want, type PresenceChannel, type PresencePeer } from './presenceMembers.js';
import {
  createPresenceState,
  createPresenceWriter,
  dropIfIdle,
  type PresenceContext,
  type PresenceState,
  type PresenceWriter,
} from './presenceWriter.js';

/** The interval of the checks, in ms. */
export const TICK = 500;
/** A heartbeat is sent each second. */
const HEARTBEAT_TICKS = 2;
/** A node that was silent for 3.5 to 4 s is considered dead. */
const GONE_TICKS = 8;
/**
 * A node that has not received its own heartbeat for longer than this does not count the silence of
 * others: its own connection is interrupted.
 */
const ECHO_TICKS = 3;
const MAX_NODES = 1_000;

/**
 * Shares the members of channels with the other nodes, over plain subjects of NATS that begin with
 * `<name>.presence`. Each node publishes its own members only: deltas with the next version, and a
 * heartbeat that lists what has changed lately. A node that has missed a change requests the
 * members of the channel from the node that published the change. Failures are reported as
 * `StoreError`s of the store `nats`; none is thrown.
 *
 * A node sends nothing before a hub uses it, and about 150 bytes each second while no member
 * changes. A change is at the other nodes within 20 ms and the time of the network. The members of
 * a node leave at once when it is closed, and within 4 s when it dies. While this node has no
 * connection to NATS, it keeps the members that it knows.
 *
 * @param node Names this run of the node. @default a random text
 */
export function createPresenceNode(context: PresenceContext, node = nanoid()) {
  const state = createPresenceState(context, node);
  const { isConnected, reconnected$, scheduler, subjects, channels, peers } = state;
  const writer = createPresenceWriter(state);
  const reader = createPresenceReader(state, writer);
  const running = new Subscription();
  let [isRunning, clock] = [false, 0];

  const tick = (): void => {
    if (!isConnected()) return;
    if (++state.ticks % HEARTBEAT_TICKS === 0) writer.heartbeat();
    const counts = ++state.silence <= ECHO_TICKS;
    for (const peer of [...peers.values()]) if (counts && ++peer.silence >= GONE_TICKS) reader.remove(peer);
    writer.askSoon();
  };
  const resume = (): void => {
    for (const { wanted } of peers.values()) for (const channel of wanted.keys()) wanted.set(channel, -Infinity);
    for (const peer of peers.values()) peer.silence = 0;
    writer.askSoon();
    writer.heartbeat();
  };
  const start = (): void => {
    if (isRunning) return;
    isRunning = true;
    for (const subject of [subjects.nodes, subjects.to(node)]) running.add(listenTo(subject, reader.receive, state));
    writer.heartbeat();
    running.add(interval(TICK, scheduler).subscribe(tick));
    running.add(reconnected$.subscribe(resume));
  };
  const channelOf = (name: string): PresenceChannel => {
    const channel = channels.get(name) ?? createPresenceChannel(name, node, (id) => writer.touch(channel, id));
    channels.set(name, channel);
    return channel;
  };
  const follow = (channel: PresenceChannel): void => {
    if (channel.users++ > 0) return;
    channel.subscription = listenTo(subjects.channel(channel.name), (message) => reader.receiveDelta(channel, message), state);
    for (const peer of peers.values()) want(peer, channel.name);
    writer.askSoon();
  };
  const unfollow = (channel: PresenceChannel): void => {
    if (--channel.users > 0) return;
    channel.subscription?.unsubscribe();
    for (const peer of peers.values()) channel.forget(peer);
    dropIfIdle(state, channel);
  };
  const changesOf = (name: string): Observable<PresenceChange> => {
    if (running.closed) return EMPTY;
    start();
    const channel = channelOf(name);
    follow(channel);
    const entered = channel.others();
    const first$ = entered.length > 0 ? of({ entered, left: [], updated: [] }) : EMPTY;
    return merge(first$, channel.changes$).pipe(finalize(() => unfollow(channel)));
  };

  return {
    publish(name, { entered, left, updated }) {
      if (running.closed) return;
      start();
      const channel = channelOf(name);
      channel.leave(left);
      for (const member of entered) channel.enter(fitting(member, state));
      for (const member of updated) clock = channel.update(fitting(member, state), clock + 1);
      for (const { id } of [...left, ...entered, ...updated]) writer.touch(channel, id);
    },
    changes: (name) => defer(() => changesOf(name)),
    /** Announces that the node and its members have left, and publishes nothing more. */
    close(): void {
      if (running.closed) return;
      running.unsubscribe();
      if (isRunning) writer.end();
      for (const { changes$ } of [...channels.values()]) changes$.complete();
    },
  } satisfies ClusterPresence & Record<'close', unknown>;
}

/** Returns the member, without `info` and `state` if a message has no room for them. */
function fitting(member: ChannelMember, { maxPayload, report }: PresenceState): ChannelMember {
  const limit = maxPayload() / 2;
  try {
    const size = memberSize(member);
    if (size <= limit) return member;
    throw new FrameTooLargeError(size, limit);
  } catch (cause) {
    report(failed(cause));
    return { id: member.id };
  }
}

/** Reads the messages of a subject. Reports those that are malformed. */
function listenTo(subject: string, next: (message: NodeMessage) => void, { listen, report }: PresenceState): Unsubscribable {
  try {
    return listen(subject, ({ data }) => {
      try {
        next(decodeNodeMessage(data));
      } catch (cause) {
        report(corrupt(subject, cause));
      }
    });
  } catch (cause) {
    report(failed(cause));
    return Subscription.EMPTY;
  }
}

function createPresenceReader(state: PresenceState, writer: PresenceWriter) {
  const { channels, peers } = state;

  const followedChannel = (name: string): PresenceChannel | undefined => {
    const channel = channels.get(name);
    return channel && channel.users > 0 ? channel : undefined;
  };
  const remove = (peer: PresencePeer): void => {
    peers.delete(peer.id);
    for (const channel of channels.values()) channel.forget(peer);
  };
  const addPeer = (id: string): PresencePeer => {
    if (peers.size >= MAX_NODES) throw new RangeError(`more than ${MAX_NODES} nodes`);
    const peer = { id, silence: 0, checked: 0, wanted: new Map() };
    peers.set(id, peer);
    writer.heartbeatSoon();
    return peer;
  };
  const takeHeartbeat = (node: string, { version, since, channels: changed }: PresenceHeartbeat): void => {
    const known = peers.get(node);
    const peer = known ?? addPeer(node);
    peer.silence = 0;
    if (known && since <= known.checked) {
      for (const [name, at] of changed) if ((followedChannel(name)?.versionAt(peer) ?? Infinity) < at) want(peer, name);
    } else {
      for (const name of channels.keys()) if (followedChannel(name)) want(peer, name);
    }
    peer.checked = Math.max(peer.checked, version);
    if (peer.wanted.size > 0) writer.askSoon();
  };
  const receive = (message: NodeMessage): void => {
    const { kind, node } = message;
    const peer = peers.get(node);
    if (node === state.node) {
      if (kind === 'heartbeat') state.silence = 0;
    } else if (kind === 'heartbeat') takeHeartbeat(node, message);
    else if (kind === 'ask') writer.answer(node, message.channels);
    else if (peer && kind === 'bye') remove(peer);
    else if (peer && kind === 'snapshot') {
      for (const part of message.parts) followedChannel(part.channel)?.applyPart(peer, message.version, part);
    }
  };
  const receiveDelta = (channel: PresenceChannel, message: NodeMessage): void => {
    const peer = peers.get(message.node);
    if (!peer || message.kind !== 'delta') return;
    channel.applyDelta(peer, message);
    if (peer.wanted.size > 0) writer.askSoon();
  };
  return { remove, receive, receiveDelta };
}
