import { defer, EMPTY, finalize, interval, merge, of, Subscription, type Observable } from 'rxjs';
import type { ClusterPresence, PresenceChange } from '../app/hub/clusterPresence.js';
import { FrameTooLargeError, StoreError } from '../errors.js';
import type { ChannelMember } from '../message/channelTypes.js';
import { openChange } from './clusterMembers.js';
import { memberSize } from './nodeMessages.js';
import { createPresenceChannel, type PresenceChannel } from './presenceChannel.js';
import { createPresenceReader } from './presenceReader.js';
import { dropIfIdle, type PresenceNodeOptions, type PresenceState } from './presenceState.js';
import { createPresenceWriter, type PresenceWriter } from './presenceWriter.js';

/** The presence of one node of a cluster. */
export interface PresenceNode extends ClusterPresence {
  /**
   * Announces to the other nodes that this node and its members have left. Then nothing more is
   * published or emitted.
   */
  close(): void;
}

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
/** The time in which a node answers a request. */
const ANSWER_TICKS = 2;

/**
 * Shares the members of channels with the other nodes, over subjects that keep nothing. Each node
 * publishes its own members only: deltas with the next version, and a heartbeat that lists what has
 * changed lately. A node that has missed a change requests the members of the channel from the node
 * that published the change.
 */
export function createPresenceNode(options: PresenceNodeOptions): PresenceNode {
  const state: PresenceState = { ...options, channels: new Map(), peers: new Map(), ticks: 0, silence: 0 };
  const { node, core, subjects, scheduler, channels, peers } = state;
  const writer = createPresenceWriter(state);
  const reader = createPresenceReader(state, writer);
  const running = new Subscription();
  let [isRunning, clock] = [false, 0];

  const tick = (): void => {
    if (!core.isConnected()) return;
    if (++state.ticks % HEARTBEAT_TICKS === 0) writer.heartbeat();
    const counts = ++state.silence <= ECHO_TICKS;
    for (const peer of [...peers.values()]) if (counts && ++peer.silence >= GONE_TICKS) reader.remove(peer);
    askAgain(state, ANSWER_TICKS, writer);
  };
  const resume = (): void => {
    for (const peer of peers.values()) peer.silence = 0;
    askAgain(state, 0, writer);
    writer.heartbeat();
  };
  const start = (): void => {
    if (isRunning) return;
    isRunning = true;
    for (const subject of [subjects.nodes, subjects.to(node)])
      running.add(subscriptionOf(core.subscribe(subject, (data) => reader.receive(subject, data))));
    writer.heartbeat();
    running.add(interval(TICK, scheduler).subscribe(tick));
    running.add(core.reconnected$.subscribe(resume));
  };
  const channelOf = (name: string): PresenceChannel => {
    const channel = channels.get(name) ?? createPresenceChannel(name, node);
    channels.set(name, channel);
    return channel;
  };
  const hear = (channel: PresenceChannel): void => {
    if (channel.users++ > 0) return;
    const subject = subjects.channel(channel.name);
    channel.hearing = core.subscribe(subject, (data) => reader.receiveDelta(channel, subject, data));
    for (const peer of peers.values()) peer.want(channel.name);
    writer.askSoon();
  };
  const ignore = (channel: PresenceChannel): void => {
    if (--channel.users > 0) return;
    channel.hearing?.unsubscribe();
    for (const peer of peers.values()) peer.forget(channel.name, channel.members);
    dropIfIdle(state, channel);
  };
  const changesOf = (name: string): Observable<PresenceChange> => {
    if (running.closed) return EMPTY;
    start();
    const channel = channelOf(name);
    hear(channel);
    const entered = channel.members.others();
    const first$ = entered.length > 0 ? of({ entered, left: [], updated: [] }) : EMPTY;
    return merge(first$, channel.changes$).pipe(finalize(() => ignore(channel)));
  };

  return {
    publish(name, { entered, left, updated }) {
      if (running.closed) return;
      start();
      const channel = channelOf(name);
      const change = openChange();
      for (const { id } of left) channel.members.leave(id, change);
      for (const member of entered) channel.members.enter(fitting(member, state));
      for (const member of updated) clock = channel.members.update(fitting(member, state), clock + 1);
      for (const { id } of [...left, ...entered, ...updated]) writer.touch(channel, id);
      if (change.updated.length > 0) channel.changes$.next(change);
    },
    changes: (name) => defer(() => changesOf(name)),
    close() {
      if (running.closed) return;
      running.unsubscribe();
      if (isRunning) writer.end();
      for (const { changes$ } of [...channels.values()]) changes$.complete();
    },
  };
}

/** Repeats the requests that were not answered in time. */
function askAgain({ peers, ticks }: PresenceState, within: number, writer: PresenceWriter): void {
  for (const peer of peers.values()) {
    for (const [channel, at] of peer.asked) {
      if (ticks - at < within) continue;
      peer.asked.delete(channel);
      peer.wanted.add(channel);
    }
    if (peer.wanted.size > 0) writer.askSoon();
  }
}

/**
 * Returns a member that a message has room for: without `info` and `state`, if they are too large
 * or cannot be encoded.
 */
function fitting(member: ChannelMember, { core, report }: PresenceState): ChannelMember {
  const limit = core.maxPayload() / 2;
  try {
    const size = memberSize(member);
    if (size <= limit) return member;
    throw new FrameTooLargeError(size, limit);
  } catch (cause) {
    report(new StoreError('nats', 'failed', cause));
    return { id: member.id };
  }
}

function subscriptionOf(subscription: { unsubscribe(): void }): Subscription {
  return new Subscription(() => subscription.unsubscribe());
}
