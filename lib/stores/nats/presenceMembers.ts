import { Subject, type Unsubscribable } from 'rxjs';
import type { PresenceChange } from '../../channels/clusterPresence.js';
import type { ChannelMember } from '../../message/channelTypes.js';
import type { ClusterMember, PresenceDelta, SnapshotPart } from './nodeMessages.js';

/** Another node, as this one knows it. */
export interface PresencePeer {
  readonly id: string;
  /** The ticks since the last message of the node. */
  silence: number;
  /** The version of the node up to which it is known which channels have changed. */
  checked: number;
  /** The channels whose members are to be requested, with the tick of the latest request. */
  readonly wanted: Map<string, number>;
}

/** Requests the members of a channel, unless they were requested. */
export function want({ wanted }: PresencePeer, channel: string): void {
  if (!wanted.has(channel)) wanted.set(channel, -Infinity);
}

/** The members of a channel at one other node. */
interface PeerMembers {
  /** −1: none is known. */
  version: number;
  /** By their ids. */
  readonly members: Map<string, ClusterMember>;
  arriving?: { readonly version: number; readonly members: ClusterMember[] } | undefined;
}

/** The maximum number of members of a channel that one node may announce. */
const MAX_MEMBERS = 100_000;

export type PresenceChannel = ReturnType<typeof createPresenceChannel>;

/**
 * Creates the state of a channel at this node, while the node has members in it or reads it: the
 * members of this node and of the others.
 *
 * @param publish Called with each member of this node that has taken over a state which another
 *   node has set. This node publishes the state, so that it remains when that node has lost the
 *   member.
 */
export function createPresenceChannel(name: string, node: string, publish: (id: string) => void) {
  const own = new Map<string, ClusterMember>();
  /** The members at other nodes, with their newest states. */
  const shown = new Map<string, ClusterMember>();
  const changes$ = new Subject<PresenceChange>();

  /** Compares what all nodes say of members that one of them has changed, and emits the changes. */
  const refresh = (ids: readonly string[]): void => {
    const change = { entered: [] as ChannelMember[], left: [] as ChannelMember[], updated: [] as ChannelMember[] };
    for (const id of ids) {
      const [before, mine, other] = [shown.get(id), own.get(id), byNode.newest(id)];
      // A member of this node alone is not one of the others.
      const now = other && newer(other, mine);
      if (now) shown.set(id, now);
      else shown.delete(id);
      if (now && !before) change.entered.push(plain(now));
      else if (before && !now) change.left.push(plain(before));
      else if (before && now && order(before, now) !== 0) change.updated.push(plain(now));
      if (!mine || !now || order(now, mine) <= 0) continue;
      own.set(id, { ...plain({ ...mine, state: now.state }), clock: now.clock, by: now.by });
      publish(id);
    }
    if (change.entered.length + change.left.length + change.updated.length > 0) changes$.next(change);
  };
  const byNode = createMembersByNode(name, refresh);
  return {
    name,
    own: own as ReadonlyMap<string, ClusterMember>,
    changes$,
    /** The own members whose change is not published yet. */
    touched: new Set<string>(),
    /** The version of the latest delta of this node; 0 if there is none. */
    version: 0,
    /** The subscription to the deltas of the other nodes, and the number of its users. */
    subscription: undefined as Unsubscribable | undefined,
    users: 0,
    others: (): readonly ChannelMember[] => [...shown.values()].map(plain),
    /** Adds a member of this node. Its state is the one that another node has set, if any has. */
    enter(member: ChannelMember): void {
      if (own.has(member.id)) return;
      const { state, clock, by } = shown.get(member.id) ?? { state: member.state, clock: 0, by: '' };
      own.set(member.id, { ...plain({ ...member, state }), clock, by });
    },
    leave: (members: readonly ChannelMember[]): void => refresh(members.flatMap(({ id }) => (own.delete(id) ? id : []))),
    /**
     * Sets the state of a member of this node. Returns its clock.
     * @param clock Higher than all earlier clocks of this node.
     */
    update({ id, state }: ChannelMember, clock: number): number {
      const known = own.get(id);
      if (!known) return clock;
      const member = { ...plain({ ...known, state }), clock: Math.max(clock, known.clock + 1), by: node };
      own.set(id, member);
      if (shown.has(id)) shown.set(id, member);
      return member.clock;
    },
    ...byNode,
  };
}

/**
 * Creates the members of a channel at the other nodes.
 *
 * @param refresh Called with the ids of the members that one of them has changed.
 */
function createMembersByNode(channel: string, refresh: (ids: readonly string[]) => void) {
  const peers = new Map<string, PeerMembers>();
  const apply = (known: PeerMembers, { set, left }: Pick<PresenceDelta, 'set' | 'left'>): void => {
    const removed = left.filter((id) => known.members.delete(id));
    for (const member of set) known.members.set(member.id, member);
    refresh([...removed, ...set.map(({ id }) => id)]);
  };
  const membersAt = ({ id }: PresencePeer): PeerMembers => {
    const known = peers.get(id) ?? { version: -1, members: new Map() };
    peers.set(id, known);
    return known;
  };
  return {
    /** Returns the newest state of a member. */
    newest: (id: string): ClusterMember | undefined => {
      let best: ClusterMember | undefined;
      for (const { members } of peers.values()) best = newer(best, members.get(id));
      return best;
    },
    /** The version of the members at another node that is known; −1: none. */
    versionAt: (peer: PresencePeer): number => peers.get(peer.id)?.version ?? -1,
    /** Applies a delta of another node, if it follows what is known. */
    applyDelta(peer: PresencePeer, { after, version, set, left }: PresenceDelta): void {
      const known = membersAt(peer);
      if (known.version < 0 || version <= known.version) return;
      if (after > known.version) {
        want(peer, channel);
        return;
      }
      known.version = version;
      apply(known, { set, left: after === 0 ? missingIn(set, known) : left });
    },
    /** Applies a part of a snapshot; the members change with the last part. */
    applyPart(peer: PresencePeer, version: number, { isSame, isFirst, isLast, members }: SnapshotPart): void {
      const known = membersAt(peer);
      if (isFirst) known.arriving = { version, members: [] };
      if (isSame || version < known.version) {
        peer.wanted.delete(channel);
        if (isSame) known.version = Math.max(known.version, version);
        return;
      }
      const { arriving } = known;
      if (arriving?.version !== version) return;
      const isLarge = arriving.members.length + members.length > MAX_MEMBERS;
      if (!isLarge) for (const member of members) arriving.members.push(member);
      if (!isLarge && !isLast) return;
      peer.wanted.delete(channel);
      Object.assign(known, { version, arriving: undefined });
      // The next snapshot would be as large: this node keeps what it knows.
      if (isLarge) throw new RangeError(`more than ${MAX_MEMBERS} members in ${channel}`);
      apply(known, { set: arriving.members, left: missingIn(arriving.members, known) });
    },
    forget({ id, wanted }: PresencePeer): void {
      const known = peers.get(id);
      wanted.delete(channel);
      if (!known) return;
      apply(known, { set: [], left: [...known.members.keys()] });
      peers.delete(id);
    },
  };
}

function newer(a: ClusterMember | undefined, b: ClusterMember | undefined): ClusterMember | undefined {
  return a && b ? (order(b, a) > 0 ? b : a) : (a ?? b);
}

function order(a: ClusterMember, b: ClusterMember): number {
  if (a.clock !== b.clock) return a.clock - b.clock;
  if (a.by === b.by) return 0;
  return a.by > b.by ? 1 : -1;
}

function plain({ id, info, state }: ChannelMember): ChannelMember {
  return { id, ...(info != null && { info }), ...(state != null && { state }) };
}

function missingIn(members: readonly ClusterMember[], known: PeerMembers): string[] {
  const present = new Set(members.map(({ id }) => id));
  return [...known.members.keys()].filter((id) => !present.has(id));
}
