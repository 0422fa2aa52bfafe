import { Subject, type Unsubscribable } from 'rxjs';
import type { PresenceChange } from '../app/hub/clusterPresence.js';
import type { ChannelMember } from '../message/channelTypes.js';
import type { ClusterMember, PresenceDelta, SnapshotPart } from './nodeMessages.js';

/**
 * A change that is being collected, and the ids of the members of this node that have taken over
 * a state which another node has set: this node then publishes the state, so that it remains when
 * that node has lost the member.
 */
export type OpenChange = { readonly [K in keyof PresenceChange]: ChannelMember[] } & { readonly adopted: string[] };

export const openChange = (): OpenChange => ({ entered: [], left: [], updated: [], adopted: [] });

/** The members of a channel at one other node, by their ids. */
type NodeMembers = Map<string, ClusterMember>;

export type ClusterMembers = ReturnType<typeof createClusterMembers>;

/** The members of a channel: those of this node and of the others. */
export function createClusterMembers(node: string) {
  const own = new Map<string, ClusterMember>();
  /** The members at each of the other nodes. */
  const nodes = new Set<NodeMembers>();
  /** The members at other nodes, with their newest states. */
  const shown = new Map<string, ClusterMember>();

  const newest = (id: string): ClusterMember | undefined => {
    let best: ClusterMember | undefined;
    for (const members of nodes) best = newer(best, members.get(id));
    // A member of this node alone is not one of the others.
    return best && newer(best, own.get(id));
  };
  /** Compares what all nodes say of a member, after one of them has changed it. */
  const refresh = (id: string, change: OpenChange): void => {
    const [before, now, mine] = [shown.get(id), newest(id), own.get(id)];
    if (now) shown.set(id, now);
    else shown.delete(id);
    if (now && !before) change.entered.push(plain(now));
    else if (before && !now) change.left.push(plain(before));
    else if (before && now && order(before, now) !== 0) change.updated.push(plain(now));
    if (!mine || !now || order(now, mine) <= 0) return;
    own.set(id, { ...plain({ ...mine, state: now.state }), clock: now.clock, by: now.by });
    change.adopted.push(id);
  };
  return {
    own: own as ReadonlyMap<string, ClusterMember>,
    nodes,
    refresh,
    /** Returns the members at any of the other nodes. */
    others: (): readonly ChannelMember[] => [...shown.values()].map(plain),
    /** Adds a member of this node. Its state is the one that another node has set, if any has. */
    enter(member: ChannelMember): void {
      if (own.has(member.id)) return;
      const { state, clock, by } = shown.get(member.id) ?? { state: member.state, clock: 0, by: '' };
      own.set(member.id, { ...plain({ ...member, state }), clock, by });
    },
    leave(id: string, change: OpenChange): void {
      if (own.delete(id)) refresh(id, change);
    },
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
  };
}

function newer(a: ClusterMember | undefined, b: ClusterMember | undefined): ClusterMember | undefined {
  return a && b ? (order(b, a) > 0 ? b : a) : (a ?? b);
}

/** Compares the states of a member. */
function order(a: ClusterMember, b: ClusterMember): number {
  if (a.clock !== b.clock) return a.clock - b.clock;
  if (a.by === b.by) return 0;
  return a.by > b.by ? 1 : -1;
}

function plain({ id, info, state }: ChannelMember): ChannelMember {
  return { id, ...(info != null && { info }), ...(state != null && { state }) };
}

/** A channel at this node, while the node has members in it or hears it. */
export interface PresenceChannel {
  readonly name: string;
  readonly members: ClusterMembers;
  /** The own members whose change is not published yet. */
  readonly touched: Set<string>;
  /** The changes of the members of other nodes. */
  readonly changes$: Subject<PresenceChange>;
  /** The version of the latest delta of this node; 0 if there is none. */
  version: number;
  /** The subscription to the deltas of the other nodes, and the number of its users. */
  hearing?: Unsubscribable | undefined;
  users: number;
}

export function createPresenceChannel(name: string, node: string): PresenceChannel {
  return { name, members: createClusterMembers(node), touched: new Set(), changes$: new Subject(), version: 0, users: 0 };
}

export type PresencePeer = ReturnType<typeof createPresencePeer>;

interface PeerChannel {
  version: number;
  readonly members: NodeMembers;
  /** The parts of a snapshot that is arriving. */
  arriving?: { readonly version: number; readonly members: ClusterMember[] } | undefined;
}

/** The maximum number of members of a channel that one node may announce. */
const MAX_MEMBERS = 100_000;

/** Creates the state of another node, as this one knows it. */
export function createPresencePeer(id: string) {
  const channels = new Map<string, PeerChannel>();
  /** The channels to request, and the requested channels with the tick of the request. */
  const [wanted, asked] = [new Set<string>(), new Map<string, number>()];

  /** Requests the members of a channel, unless they were requested. */
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
    /** The ticks since the last message of the node. */
    silence: 0,
    /** The version of the node up to which it is known which channels have changed. */
    checked: 0,
    wanted,
    asked,
    /** The version of a channel that is known; −1: none. */
    versionOf: (channel: string) => channels.get(channel)?.version ?? -1,
    want,
    /** Applies a delta, if it follows what is known. */
    applyDelta(channel: string, members: ClusterMembers, { after, version, set, left }: PresenceDelta): OpenChange {
      const known = channelOf(channel, members);
      if (known.version < 0 || version <= known.version) return openChange();
      if (after > known.version) {
        want(channel);
        return openChange();
      }
      known.version = version;
      return applyTo(known, members, { set, left: after === 0 ? missingIn(set, known.members) : left });
    },
    /** Applies a part of a snapshot; the members change with the last part. */
    applyPart(members: ClusterMembers, version: number, { channel, isSame, isFirst, isLast, members: part }: SnapshotPart): OpenChange {
      const known = channelOf(channel, members);
      if (isFirst) known.arriving = { version, members: [] };
      const { arriving } = known;
      if (isSame || version < known.version) answered(channel);
      if (isSame) known.version = Math.max(known.version, version);
      if (isSame || version < known.version || arriving?.version !== version) return openChange();
      if (arriving.members.length + part.length > MAX_MEMBERS) {
        // The next snapshot would be as large: this node keeps what it knows.
        Object.assign(known, { version, arriving: undefined });
        answered(channel);
        throw new RangeError(`more than ${MAX_MEMBERS} members in ${channel}`);
      }
      for (const member of part) arriving.members.push(member);
      if (!isLast) return openChange();
      answered(channel);
      delete known.arriving;
      known.version = version;
      return applyTo(known, members, { set: arriving.members, left: missingIn(arriving.members, known.members) });
    },
    /** Forgets the members of a channel. */
    forget(channel: string, members: ClusterMembers): OpenChange {
      const known = channels.get(channel);
      channels.delete(channel);
      answered(channel);
      if (!known) return openChange();
      const change = applyTo(known, members, { set: [], left: [...known.members.keys()] });
      members.nodes.delete(known.members);
      return change;
    },
  };
}

function applyTo({ members: known }: PeerChannel, members: ClusterMembers, { set, left }: Pick<PresenceDelta, 'set' | 'left'>): OpenChange {
  const change = openChange();
  for (const id of left) if (known.delete(id)) members.refresh(id, change);
  for (const member of set) {
    known.set(member.id, member);
    members.refresh(member.id, change);
  }
  return change;
}

function missingIn(members: readonly ClusterMember[], known: NodeMembers): string[] {
  const present = new Set(members.map(({ id }) => id));
  return [...known.keys()].filter((id) => !present.has(id));
}
