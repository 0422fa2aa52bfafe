import { openChange, type ClusterMember, type ClusterMembers, type NodeMembers, type OpenChange } from './clusterMembers.js';
import type { NodeMessage, SnapshotPart } from './nodeMessages.js';

/** The state of another node, as this one knows it. */
export interface PresencePeer {
  readonly id: string;
  /** The ticks since the last message of the node. */
  silence: number;
  /** The version of the node up to which it is known which channels have changed. */
  checked: number;
  /** The channels to request, and the requested channels with the tick of the request. */
  readonly wanted: Set<string>;
  readonly asked: Map<string, number>;
  /** The version of a channel that is known; −1: none. */
  readonly versionOf: (channel: string) => number;
  /** Requests the members of a channel, unless they were requested. */
  want(channel: string): void;
  /** Applies a delta, if it follows what is known. */
  applyDelta(channel: string, members: ClusterMembers, delta: Extract<NodeMessage, { kind: 'delta' }>): PeerChange;
  /** Applies a part of a snapshot; the members change with the last part. */
  applyPart(members: ClusterMembers, version: number, part: SnapshotPart): PeerChange;
  /** Forgets the members of a channel. */
  forget(channel: string, members: ClusterMembers): PeerChange;
}

/**
 * A change of the members of the other nodes, and the ids of the members of this node that have
 * taken over a state.
 */
export interface PeerChange extends OpenChange {
  readonly adopted: readonly string[];
}

interface PeerChannel {
  version: number;
  readonly members: NodeMembers;
  /** The parts of a snapshot that is arriving. */
  arriving?: { readonly version: number; readonly members: ClusterMember[] } | undefined;
}

/** The maximum number of members of a channel that one node may announce. */
const MAX_MEMBERS = 100_000;

export function createPresencePeer(id: string): PresencePeer {
  const channels = new Map<string, PeerChannel>();
  const [wanted, asked] = [new Set<string>(), new Map<string, number>()];

  const want = (channel: string): void => {
    if (!asked.has(channel)) wanted.add(channel);
  };
  const answered = (channel: string): void => {
    wanted.delete(channel);
    asked.delete(channel);
  };
  const channelOf = (channel: string, { nodes }: ClusterMembers): PeerChannel => {
    const known = channels.get(channel) ?? { version: -1, members: new Map() };
    channels.set(channel, known);
    nodes.add(known.members);
    return known;
  };
  return {
    id,
    silence: 0,
    checked: 0,
    wanted,
    asked,
    versionOf: (channel) => channels.get(channel)?.version ?? -1,
    want,
    applyDelta(channel, members, { after, version, set, left }) {
      const known = channelOf(channel, members);
      if (known.version < 0 || version <= known.version) return noChange();
      if (after > known.version) {
        want(channel);
        return noChange();
      }
      known.version = version;
      return applyTo(known, members, { set, left: after === 0 ? missingIn(set, known.members) : left });
    },
    applyPart(members, version, { channel, isSame, isFirst, isLast, members: part }) {
      const known = channelOf(channel, members);
      if (isFirst) known.arriving = { version, members: [] };
      const { arriving } = known;
      if (isSame || version < known.version) answered(channel);
      if (isSame) known.version = Math.max(known.version, version);
      if (isSame || version < known.version || arriving?.version !== version) return noChange();
      if (arriving.members.length + part.length > MAX_MEMBERS) {
        // The next snapshot would be as large: this node keeps what it knows.
        Object.assign(known, { version, arriving: undefined });
        answered(channel);
        throw new RangeError(`more than ${MAX_MEMBERS} members in ${channel}`);
      }
      for (const member of part) arriving.members.push(member);
      if (!isLast) return noChange();
      answered(channel);
      delete known.arriving;
      known.version = version;
      return applyTo(known, members, { set: arriving.members, left: missingIn(arriving.members, known.members) });
    },
    forget(channel, members) {
      const known = channels.get(channel);
      channels.delete(channel);
      answered(channel);
      if (!known) return noChange();
      const change = applyTo(known, members, { set: [], left: [...known.members.keys()] });
      members.nodes.delete(known.members);
      return change;
    },
  };
}

function applyTo(
  { members: known }: PeerChannel,
  members: ClusterMembers,
  { set, left }: { readonly set: readonly ClusterMember[]; readonly left: readonly string[] },
): PeerChange {
  const change = { ...openChange(), adopted: [] as string[] };
  const refresh = (id: string): void => {
    if (members.refresh(id, change)) change.adopted.push(id);
  };
  for (const id of left) if (known.delete(id)) refresh(id);
  for (const member of set) {
    known.set(member.id, member);
    refresh(member.id);
  }
  return change;
}

function missingIn(members: readonly ClusterMember[], known: NodeMembers): string[] {
  const present = new Set(members.map(({ id }) => id));
  return [...known.keys()].filter((id) => !present.has(id));
}

const noChange = (): PeerChange => ({ ...openChange(), adopted: [] });
