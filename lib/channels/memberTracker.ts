import { estimateSize } from '../message/estimateSize.js';
import type { ChannelMember } from '../message/channelTypes.js';
import type { PresenceChange } from './clusterPresence.js';

/** The maximum estimated size of the state of a member, in bytes. */
const MAX_STATE = 4_096;

/** Returns whether the state of a member is larger than a hub accepts. */
export function isStateTooLarge(state: unknown): boolean {
  return estimateSize(state, MAX_STATE) > MAX_STATE;
}

interface TrackedMember {
  member: ChannelMember;
  /** The number of wires of this node. */
  wires: number;
  /** Whether it is a member at another node. */
  isRemote: boolean;
}

/** The changes of one member in this run. */
interface MemberChange {
  /** The member before the first change. */
  readonly was: ChannelMember | undefined;
  /** Whether it was a member of this node. */
  readonly wasOwn: boolean;
  /** The member as it was last present before the latest change. */
  last: ChannelMember | undefined;
  hasNewState: boolean;
  /** Whether this node has set the state. */
  hasNewOwnState: boolean;
}

const noChange = () => ({ entered: [] as ChannelMember[], left: [] as ChannelMember[], updated: [] as ChannelMember[] });

export type MemberTracker = ReturnType<typeof createMemberTracker>;

/** The changes since they were taken before. */
export interface TrackedChanges {
  readonly all: PresenceChange;
  /** Those of the members of this node. */
  readonly own: PresenceChange;
}

/**
 * Counts the members of a channel. A member may be connected by several wires, and at several
 * nodes. A member that leaves and joins again between two calls of `takeChanges` has not changed.
 *
 * @param onChange Called before each change.
 */
export function createMemberTracker(onChange: () => void) {
  const tracked = new Map<string, TrackedMember>();
  const changed = new Map<string, MemberChange>();

  /** To be called before each change of a member. */
  const note = (id: string): { readonly known: TrackedMember | undefined; readonly change: MemberChange } => {
    const known = tracked.get(id);
    const [was, wasOwn] = [known?.member, known !== undefined && known.wires > 0];
    const change: MemberChange = changed.get(id) ?? { was, wasOwn, last: was, hasNewState: false, hasNewOwnState: false };
    change.last = known?.member ?? change.last;
    changed.set(id, change);
    onChange();
    return { known, change };
  };
  const enter = (entry: TrackedMember, change: MemberChange): void => {
    tracked.set(entry.member.id, entry);
    // A member that has left and joined again in this run has lost its state.
    if (change.was && change.last?.state !== entry.member.state) change.hasNewState = true;
  };
  const removeIfGone = ({ member, wires, isRemote }: TrackedMember): void => {
    if (wires === 0 && !isRemote) tracked.delete(member.id);
  };

  return {
    members: (): readonly ChannelMember[] => [...tracked.values()].map(({ member }) => member),
    takeChanges(): TrackedChanges {
      const changes = summaryOf(changed, tracked);
      changed.clear();
      return changes;
    },
    add(member: ChannelMember): void {
      const { known, change } = note(member.id);
      if (known) known.wires++;
      else {
        enter({ member, wires: 1, isRemote: false }, change);
        change.hasNewOwnState ||= change.hasNewState;
      }
    },
    /** Removes a wire of a member. Returns the member with its latest state. */
    remove(member: ChannelMember): ChannelMember {
      const { known } = note(member.id);
      if (known && known.wires > 0) removeIfGone(Object.assign(known, { wires: known.wires - 1 }));
      return known?.member ?? member;
    },
    /** Sets the state of a member of this node; `null` removes it. */
    update(id: string, state: unknown): void {
      const { known, change } = note(id);
      if (!known?.wires) return;
      setState(known, state, change);
      change.hasNewOwnState = true;
    },
    /** Applies a change of the members at other nodes. */
    apply({ entered, left, updated }: PresenceChange): void {
      for (const { id } of left) {
        const { known } = note(id);
        if (known) removeIfGone(Object.assign(known, { isRemote: false }));
      }
      for (const member of entered) {
        const { known, change } = note(member.id);
        if (!known) enter({ member, wires: 0, isRemote: true }, change);
        else {
          known.isRemote = true;
          if (known.member.state !== member.state) setState(known, member.state, change);
        }
      }
      for (const { id, state } of updated) {
        const { known, change } = note(id);
        if (known) setState(known, state, change);
      }
    },
  };
}

function setState(entry: TrackedMember, state: unknown, change: MemberChange): void {
  const { id, info } = entry.member;
  entry.member = { id, ...(info !== undefined && { info }), ...(state != null && { state }) };
  change.hasNewState = true;
}

/** Returns the changes of all members, and of those of this node. */
function summaryOf(changed: ReadonlyMap<string, MemberChange>, tracked: ReadonlyMap<string, TrackedMember>): TrackedChanges {
  const [all, own] = [noChange(), noChange()];
  for (const [id, { was, wasOwn, last, hasNewState, hasNewOwnState }] of changed) {
    const { member, wires = 0 } = tracked.get(id) ?? {};
    if (!member && last && was) all.left.push(last);
    if (wires === 0 && wasOwn) own.left.push({ id });
    if (member && !was) all.entered.push(member);
    else if (member && hasNewState) all.updated.push(member);
    if (!member || wires === 0) continue;
    if (!wasOwn) own.entered.push(member);
    if (hasNewOwnState) own.updated.push(member);
  }
  return { all, own };
}

/** Returns whether nothing has changed. */
export function isEmpty({ entered, left, updated }: PresenceChange): boolean {
  return entered.length + left.length + updated.length === 0;
}
