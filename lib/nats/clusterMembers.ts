import type { ChannelMember } from '../message/channelTypes.js';
import type { PresenceChange } from '../app/hub/clusterPresence.js';

/** A member, as the nodes of a cluster describe it to one another. */
export interface ClusterMember extends ChannelMember {
  /**
   * Orders the states of a member: all nodes keep the state with the highest clock, and among equal
   * clocks that with the highest `by`. 0: the state was not set.
   */
  readonly clock: number;
  /** The node that has set the state; empty if none has. */
  readonly by: string;
}

/** A change that is being collected. */
export type OpenChange = { readonly [K in keyof PresenceChange]: ChannelMember[] };

export const openChange = (): OpenChange => ({ entered: [], left: [], updated: [] });

/** The members of a channel at one other node, by their ids. */
export type NodeMembers = Map<string, ClusterMember>;

/** The members of a channel: those of this node and of the others. */
export interface ClusterMembers {
  readonly own: ReadonlyMap<string, ClusterMember>;
  /** The members at each of the other nodes. */
  readonly nodes: Set<NodeMembers>;
  /** Returns the members at any of the other nodes. */
  readonly others: () => readonly ChannelMember[];
  /** Adds a member of this node. Its state is the one that another node has set, if any has. */
  enter(member: ChannelMember): void;
  leave(id: string, change: OpenChange): void;
  /**
   * Sets the state of a member of this node. Returns its clock.
   * @param clock Higher than all
   * earlier clocks of this node.
   */
  update(member: ChannelMember, clock: number): number;
  /**
   * Compares what all nodes say of a member, after one of them has changed it. Returns whether a
   * member of this node has taken over a state that another node has set: this node then tells it
   * to the others, so that the state remains when that node has lost the member.
   */
  refresh(id: string, change: OpenChange): boolean;
}

export function createClusterMembers(node: string): ClusterMembers {
  const own = new Map<string, ClusterMember>();
  const nodes = new Set<NodeMembers>();
  /** The members at other nodes, with their newest states. */
  const shown = new Map<string, ClusterMember>();

  const newest = (id: string): ClusterMember | undefined => {
    let best: ClusterMember | undefined;
    for (const members of nodes) best = newer(best, members.get(id));
    // A member of this node alone is not one of the others.
    return best && newer(best, own.get(id));
  };
  const refresh = (id: string, change: OpenChange): boolean => {
    const [before, now, mine] = [shown.get(id), newest(id), own.get(id)];
    if (now) shown.set(id, now);
    else shown.delete(id);
    if (now && !before) change.entered.push(plain(now));
    else if (before && !now) change.left.push(plain(before));
    else if (before && now && order(before, now) !== 0) change.updated.push(plain(now));
    if (!mine || !now || order(now, mine) <= 0) return false;
    own.set(id, { ...plain({ ...mine, state: now.state }), clock: now.clock, by: now.by });
    return true;
  };
  return {
    own,
    nodes,
    refresh,
    others: () => [...shown.values()].map(plain),
    enter(member) {
      if (own.has(member.id)) return;
      const { state, clock, by } = shown.get(member.id) ?? { state: member.state, clock: 0, by: '' };
      own.set(member.id, { ...plain({ ...member, state }), clock, by });
    },
    leave(id, change) {
      if (own.delete(id)) refresh(id, change);
    },
    update({ id, state }, clock) {
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
