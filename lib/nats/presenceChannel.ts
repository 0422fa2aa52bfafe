import { Subject, type Unsubscribable } from 'rxjs';
import type { PresenceChange } from '../app/hub/clusterPresence.js';
import { createClusterMembers, type ClusterMember, type ClusterMembers } from './clusterMembers.js';
import { memberSize, type SnapshotPart } from './nodeMessages.js';

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

/** The content of one delta. */
export interface OwnChanges {
  readonly set: readonly ClusterMember[];
  readonly left: readonly string[];
}

/** Takes the changes of the own members, in parts below a size. */
export function takeOwnChanges({ members, touched }: PresenceChannel, limit: number): readonly OwnChanges[] {
  const parts: { set: ClusterMember[]; left: string[] }[] = [];
  let room = 0;
  for (const id of touched) {
    const member = members.own.get(id);
    const size = member ? memberSize(member) : id.length + 2;
    if (parts.length === 0 || size > room) {
      parts.push({ set: [], left: [] });
      room = limit;
    }
    room -= size;
    if (member) parts.at(-1)?.set.push(member);
    else parts.at(-1)?.left.push(id);
  }
  touched.clear();
  return parts;
}

/** Returns the own members, in parts below a size. */
export function snapshotParts(name: string, own: readonly ClusterMember[], limit: number): readonly SnapshotPart[] {
  const lists = chunk(own, memberSize, limit);
  return lists.map((members, index) => ({ channel: name, isFirst: index === 0, isLast: index === lists.length - 1, members }));
}

/**
 * Splits a list into parts below a size; an empty list has one part. An item above the size has a
 * part of its own.
 */
export function chunk<T>(items: readonly T[], measure: (item: T) => number, limit: number): readonly (readonly T[])[] {
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
