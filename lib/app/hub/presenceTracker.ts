import { defer, map, merge, of, Subject, type Observable, type SchedulerLike } from 'rxjs';
import { createCoalescedTimer } from '../../internal/coalescedTimer.js';
import type { ChannelMember } from '../../message/channelTypes.js';
import type { Presence } from '../channels/presence.js';

/** The members that joined, left and changed. */
export type PresenceChange = Pick<Presence, 'entered' | 'left' | 'updated'>;

/** The members of a channel. A member may be connected by several wires. */
export interface PresenceTracker {
  readonly members: () => readonly ChannelMember[];
  readonly presence$: Observable<Presence>;
  add(member: ChannelMember): void;
  remove(member: ChannelMember): void;
  /** Sets the state of a member; `null` removes it. */
  update(id: string, state: unknown): void;
}

/** Counts members. Changes of one run are announced together; a member that leaves and joins again in one run is not announced. */
export function createPresenceTracker(microtask: SchedulerLike, announce: (change: PresenceChange) => void): PresenceTracker {
  const counts = new Map<string, { member: ChannelMember; count: number }>();
  const changed = new Map<string, ChannelMember>();
  const updated = new Set<string>();
  const changes$ = new Subject<PresenceChange>();

  const members = (): readonly ChannelMember[] => [...counts.values()].map(({ member }) => member);
  const timer = createCoalescedTimer(microtask, () => {
    const toggled = [...changed.values()];
    const current = (ids: readonly string[]): ChannelMember[] => ids.flatMap((id) => counts.get(id)?.member ?? []);
    const change = {
      entered: current([...changed.keys()]),
      left: toggled.filter(({ id }) => !counts.has(id)),
      updated: current([...updated].filter((id) => !changed.has(id))),
    };
    changed.clear();
    updated.clear();
    if (change.entered.length + change.left.length + change.updated.length === 0) return;
    announce(change);
    changes$.next(change);
  });
  /** A second change in the same run cancels the first. */
  const toggle = (member: ChannelMember): void => {
    const cancelled = changed.get(member.id);
    if (!changed.delete(member.id)) changed.set(member.id, member);
    // A member that has left and come again has lost its state.
    else if (cancelled?.state !== member.state) updated.add(member.id);
    timer.set(0);
  };

  return {
    members,
    presence$: defer(() =>
      merge(of({ entered: [], left: [], updated: [] }), changes$).pipe(
        map((change) => ({ members: members(), others: members(), ...change })),
      ),
    ),
    add(member) {
      const known = counts.get(member.id);
      if (known) known.count++;
      else {
        counts.set(member.id, { member, count: 1 });
        toggle(member);
      }
    },
    remove({ id }) {
      const known = counts.get(id);
      if (!known || --known.count > 0) return;
      counts.delete(id);
      toggle(known.member);
    },
    update(id, state) {
      const known = counts.get(id);
      if (!known) return;
      const { info } = known.member;
      known.member = { id, ...(info !== undefined && { info }), ...(state != null && { state }) };
      updated.add(id);
      timer.set(0);
    },
  };
}
