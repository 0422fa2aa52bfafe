import { defer, map, merge, noop, of, Subject, type Observable, type SchedulerLike } from 'rxjs';
import { createCoalescedTimer } from '../../internal/coalescedTimer.js';
import type { ChannelMember } from '../../message/channelTypes.js';
import type { Presence } from '../channels/memberList.js';
import type { PresenceChange } from './clusterPresence.js';

interface TrackedMember {
  member: ChannelMember;
  /** The number of wires of this node. */
  wires: number;
  /** Whether it is a member at another node. */
  isRemote: boolean;
}

/**
 * Counts the members of a channel. A member may be connected by several wires, and at several
 * nodes. Changes of one run are announced together; a member that leaves and joins again in one run
 * is not announced.
 *
 * @param publish Called with the changes of this node's own members.
 */
export function createPresenceTracker(
  microtask: SchedulerLike,
  announce: (change: PresenceChange) => void,
  publish: (own: PresenceChange) => void = noop,
) {
  const tracked = new Map<string, TrackedMember>();
  const all = createChanges((id) => tracked.get(id)?.member);
  const own = createChanges((id) => (tracked.get(id)?.wires ? tracked.get(id)?.member : undefined));
  const changes$ = new Subject<PresenceChange>();

  const members = (): readonly ChannelMember[] => [...tracked.values()].map(({ member }) => member);
  const timer = createCoalescedTimer(microtask, () => {
    const { entered, left, updated } = own.take();
    const ownChange = { entered, left: left.map(({ id }) => ({ id })), updated };
    const taken = all.take();
    const change = { ...taken, updated: taken.updated.filter((member) => !taken.entered.includes(member)) };
    if (!isEmpty(ownChange)) publish(ownChange);
    if (isEmpty(change)) return;
    announce(change);
    changes$.next(change);
  });
  /** To be called before each change of a member. */
  const note = (id: string): TrackedMember | undefined => {
    all.note(id);
    own.note(id);
    timer.set(0);
    return tracked.get(id);
  };
  const removeIfGone = ({ member, wires, isRemote }: TrackedMember): void => {
    if (wires === 0 && !isRemote) tracked.delete(member.id);
  };
  const setState = (entry: TrackedMember, state: unknown): void => {
    const { id, info } = entry.member;
    entry.member = { id, ...(info !== undefined && { info }), ...(state != null && { state }) };
    all.updated.add(id);
  };

  return {
    members,
    presence$: defer((): Observable<Presence> =>
      merge(of({ entered: [], left: [], updated: [] }), changes$).pipe(
        map((change) => ({ members: members(), others: members(), ...change })),
      ),
    ),
    add(member: ChannelMember): void {
      const { id } = member;
      const known = note(id);
      if (known) known.wires++;
      else {
        tracked.set(id, { member, wires: 1, isRemote: false });
        // A member that has left and joined again in this run has lost its state.
        if (all.hasOther(member)) [all, own].forEach(({ updated }) => updated.add(id));
      }
    },
    remove({ id }: ChannelMember): void {
      const known = note(id);
      if (known && known.wires > 0) removeIfGone(Object.assign(known, { wires: known.wires - 1 }));
    },
    /** Sets the state of a member of this node; `null` removes it. */
    update(id: string, state: unknown): void {
      const known = note(id);
      if (!known?.wires) return;
      setState(known, state);
      own.updated.add(id);
    },
    /** Applies a change of the members at other nodes. */
    apply({ entered, left, updated }: PresenceChange): void {
      for (const { id } of left) {
        const known = note(id);
        if (known) removeIfGone(Object.assign(known, { isRemote: false }));
      }
      for (const member of entered) {
        const known = note(member.id);
        if (!known) {
          tracked.set(member.id, { member, wires: 0, isRemote: true });
          if (all.hasOther(member)) all.updated.add(member.id);
        } else if (known.member.state !== member.state) setState(Object.assign(known, { isRemote: true }), member.state);
        else known.isRemote = true;
      }
      for (const { id, state } of updated) {
        const known = note(id);
        if (known) setState(known, state);
      }
    },
  };
}

/**
 * The changes of members since the last `take`.
 *
 * @param present Returns a member that is present now.
 */
function createChanges(present: (id: string) => ChannelMember | undefined) {
  /** The members as they were before the first change, and as they were last present. */
  const noted = new Map<string, { readonly was: ChannelMember | undefined; last: ChannelMember | undefined }>();
  const updated = new Set<string>();
  return {
    /** The members whose state was set. */
    updated,
    note(id: string): void {
      const is = present(id);
      const entry = noted.get(id);
      if (!entry) noted.set(id, { was: is, last: is });
      else entry.last = is ?? entry.last;
    },
    /** Returns whether a member was present before, with another state. */
    hasOther({ id, state }: ChannelMember): boolean {
      const { was, last } = noted.get(id) ?? {};
      return was !== undefined && last?.state !== state;
    },
    take(): PresenceChange {
      const ids = [...noted.keys()];
      const change = {
        entered: ids.flatMap((id) => (noted.get(id)?.was ? [] : (present(id) ?? []))),
        left: [...noted].flatMap(([id, { was, last }]) => (was && last && !present(id) ? [last] : [])),
        updated: [...updated].flatMap((id) => present(id) ?? []),
      };
      noted.clear();
      updated.clear();
      return change;
    },
  };
}

function isEmpty({ entered, left, updated }: PresenceChange): boolean {
  return entered.length + left.length + updated.length === 0;
}
