import { StoreError } from '../errors.js';
import { decodeNodeMessage, type NodeMessage } from './nodeMessages.js';
import type { PresenceChannel } from './presenceChannel.js';
import { createPresencePeer, type PeerChange, type PresencePeer } from './presencePeer.js';
import type { PresenceState } from './presenceState.js';
import type { PresenceWriter } from './presenceWriter.js';

/** Reads the messages of the other nodes. A malformed message is reported. */
export interface PresenceReader {
  readonly receive: (subject: string, data: Uint8Array) => void;
  readonly receiveDelta: (channel: PresenceChannel, subject: string, data: Uint8Array) => void;
  /** Removes all members of a node. */
  readonly remove: (peer: PresencePeer) => void;
}

/** The maximum number of other nodes. */
const MAX_NODES = 1_000;

export function createPresenceReader(state: PresenceState, writer: PresenceWriter): PresenceReader {
  const { node: self, channels, peers } = state;

  const emit = (channel: PresenceChannel, { adopted, ...change }: PeerChange): void => {
    for (const id of adopted) writer.touch(channel, id);
    if (change.entered.length + change.left.length + change.updated.length > 0) channel.changes$.next(change);
  };
  const remove = (peer: PresencePeer): void => {
    peers.delete(peer.id);
    for (const channel of channels.values()) emit(channel, peer.forget(channel.name, channel.members));
  };
  const greet = (id: string): PresencePeer => {
    if (peers.size >= MAX_NODES) throw new RangeError(`more than ${MAX_NODES} nodes`);
    const peer = createPresencePeer(id);
    peers.set(id, peer);
    writer.heartbeatSoon();
    return peer;
  };
  const takeHeartbeat = ({ node, version, since, channels: changed }: Extract<NodeMessage, { kind: 'heartbeat' }>): void => {
    const known = peers.get(node);
    const peer = known ?? greet(node);
    peer.silence = 0;
    if (known && since <= known.checked) {
      for (const [name, at] of changed) if (isHeard(channels.get(name)) && peer.versionOf(name) < at) peer.want(name);
    } else {
      for (const channel of channels.values()) if (isHeard(channel)) peer.want(channel.name);
    }
    peer.checked = Math.max(peer.checked, version);
    if (peer.wanted.size > 0) writer.askSoon();
  };
  const takeSnapshot = ({ node, version, parts }: Extract<NodeMessage, { kind: 'snapshot' }>): void => {
    const peer = peers.get(node);
    for (const part of parts) {
      const channel = channels.get(part.channel);
      if (peer && isHeard(channel)) emit(channel, peer.applyPart(channel.members, version, part));
    }
  };
  const take = (message: NodeMessage): void => {
    const { kind, node } = message;
    if (node === self) {
      if (kind === 'heartbeat') state.silence = 0;
    } else if (kind === 'heartbeat') takeHeartbeat(message);
    else if (kind === 'snapshot') takeSnapshot(message);
    else if (kind === 'ask') writer.answer(node, message.channels);
    else if (kind === 'bye') {
      const peer = peers.get(node);
      if (peer) remove(peer);
    }
  };
  const reading = (subject: string, data: Uint8Array, use: (message: NodeMessage) => void): void => {
    try {
      use(decodeNodeMessage(data));
    } catch (cause) {
      state.report(new StoreError('nats', 'corrupt', new Error(`in ${subject}`, { cause })));
    }
  };

  return {
    receive: (subject, data) => reading(subject, data, take),
    receiveDelta: (channel, subject, data) =>
      reading(subject, data, (message) => {
        const peer = peers.get(message.node);
        if (!peer || message.kind !== 'delta') return;
        emit(channel, peer.applyDelta(channel.name, channel.members, message));
        if (peer.wanted.size > 0) writer.askSoon();
      }),
    remove,
  };
}

function isHeard(channel: PresenceChannel | undefined): channel is PresenceChannel {
  return channel !== undefined && channel.users > 0;
}
