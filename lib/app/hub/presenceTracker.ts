import { defer, map, merge, noop, of, Subject, type Observable, type SchedulerLike } from 'rxjs';
import { createCoalescedTimer } from '../../internal/coalescedTimer.js';
import type { ChannelMember } from '../../message/channelTypes.js';
import type { Presence } from '../channels/memberList.js';
import type { PresenceChange } from './clusterPresence.js';

/** The members of a channel. A member may be connected by several wires, and at several nodes. */
export interface PresenceTracker {
  readonly members: () => readonly ChannelMember[];
  readonly presence$: Observable<Presence>;
  add(member: ChannelMember): void;
  remove(member: ChannelMember): void;
  /** Sets the state of a member of this node; `null` removes it. */
  update(id: string, state: unknown): void;
  /** Applies a change of the members at other nodes. */
  apply(change: PresenceChange): void;
}

interface TrackedMember {
  member: ChannelMember;
  /** The number of wires of this node. */
  wires: number;
  /** Whether it is a member at another node. */
  isRemote: boolean;
}

type TrackedMembers = ReadonlyMap<string, TrackedMember>;

/**
 * Counts members. Changes of one run are announced together; a member that leaves and joins again
 * in one run is not announced.
 *
 * @param publish Called with the changes of this node's own members.
 */
export function createPresenceTracker(
  microtask: SchedulerLike,
  announce: (change: PresenceChange) => void,
  publish: (own: PresenceChange) => void = noop,
): PresenceTracker {
  const tracked = new Map<string, TrackedMember>();
  const [changes, own] = [createChanges(tracked), createOwnChanges(tracked)];
  const changes$ = new Subject<PresenceChange>();

  const members = (): readonly ChannelMember[] => [...tracked.values()].map(({ member }) => member);
  const timer = createCoalescedTimer(microtask, () => {
    const [change, ownChange] = [changes.take(), own.take()];
    if (!isEmpty(ownChange)) publish(ownChange);
    if (isEmpty(change)) return;
    announce(change);
    changes$.next(change);
  });
  const enter = (member: ChannelMember, at: Pick<TrackedMember, 'wires' | 'isRemote'>): void => {
    tracked.set(member.id, { member, ...at });
    // A member of this node that has left and joined again reports to the other nodes that its
    // state is lost.
    if (changes.toggle(member) && at.wires > 0) own.updated.add(member.id);
  };
  const removeIfGone = ({ member, wires, isRemote }: TrackedMember): void => {
    if (wires > 0 || isRemote) return;
    tracked.delete(member.id);
    changes.toggle(member);
  };
  const setState = (entry: TrackedMember, state: unknown): void => {
    const { id, info } = entry.member;
    entry.member = { id, ...(info !== undefined && { info }), ...(state != null && { state }) };
    changes.updated.add(id);
  };
  const enterRemote = (member: ChannelMember): void => {
    const known = tracked.get(member.id);
    if (!known) return enter(member, { wires: 0, isRemote: true });
    known.isRemote = true;
    if (known.member.state !== member.state) setState(known, member.state);
  };

  return {
    members,
    presence$: defer(() =>
      merge(of({ entered: [], left: [], updated: [] }), changes$).pipe(
        map((change) => ({ members: members(), others: members(), ...change })),
      ),
    ),
    add(member) {
      const known = tracked.get(member.id);
      if (known && known.wires++ > 0) return;
      if (!known) enter(member, { wires: 1, isRemote: false });
      own.moved.add(member.id);
      timer.set(0);
    },
    remove({ id }) {
      const known = tracked.get(id);
      if (!known || --known.wires > 0) return;
      own.moved.add(id);
      removeIfGone(known);
      timer.set(0);
    },
    update(id, state) {
      const known = tracked.get(id);
      if (!known?.wires) return;
      setState(known, state);
      own.updated.add(id);
      timer.set(0);
    },
    apply({ entered, left, updated }) {
      for (const { id } of left) {
        const known = tracked.get(id);
        if (known?.isRemote) removeIfGone(Object.assign(known, { isRemote: false }));
      }
      entered.forEach(enterRemote);
      for (const { id, state } of updated) {
        const known = tracked.get(id);
        if (known) setState(known, state);
      }
      timer.set(0);
    },
  };
}

/** The changes of all members since the last `take`. */
function createChanges(tracked: TrackedMembers) {
  const changed = new Map<string, ChannelMember>();
  const updated = new Set<string>();
  return {
    updated,
    /**
     * A second change in the same run cancels the first. Returns whether the member has lost its
     * state in between.
     */
    toggle(member: ChannelMember): boolean {
      const cancelled = changed.get(member.id);
      if (!changed.delete(member.id)) changed.set(member.id, member);
      else if (cancelled?.state !== member.state) return updated.add(member.id).has(member.id);
      return false;
    },
    take(): PresenceChange {
      const change = {
        entered: membersOf(tracked, changed.keys()),
        left: [...changed.values()].filter(({ id }) => !tracked.has(id)),
        updated: membersOf(
          tracked,
          [...updated].filter((id) => !changed.has(id)),
        ),
      };
      changed.clear();
      updated.clear();
      return change;
    },
  };
}

/**
 * The changes of this node's own members since the last `take`: those that have entered or left,
 * and those whose state was set.
 */
function createOwnChanges(tracked: TrackedMembers) {
  const [moved, updated] = [new Set<string>(), new Set<string>()];
  const isOwn = (id: string): boolean => (tracked.get(id)?.wires ?? 0) > 0;
  return {
    moved,
    updated,
    take(): PresenceChange {
      const left = [...moved].filter((id) => !isOwn(id)).map((id) => ({ id }));
      const change = {
        entered: membersOf(tracked, [...moved].filter(isOwn)),
        left,
        updated: membersOf(tracked, [...updated].filter(isOwn)),
      };
      moved.clear();
      updated.clear();
      return change;
    },
  };
}

function membersOf(tracked: TrackedMembers, ids: Iterable<string>): ChannelMember[] {
  return [...ids].flatMap((id) => tracked.get(id)?.member ?? []);
}

function isEmpty({ entered, left, updated }: PresenceChange): boolean {
  return entered.length + left.length + updated.length === 0;
}
