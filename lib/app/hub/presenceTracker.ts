import { defer, map, merge, of, Subject, type Observable, type SchedulerLike } from 'rxjs';
import { createCoalescedTimer } from '../../internal/coalescedTimer.js';
import type { ChannelMember } from '../../message/channelTypes.js';
import type { Presence } from '../channels/presence.js';

/** The members that joined and left. */
export type PresenceChange = Pick<Presence, 'entered' | 'left'>;

/** The members of a channel. A member may be connected by several wires. */
export interface PresenceTracker {
  readonly members: () => readonly ChannelMember[];
  readonly presence$: Observable<Presence>;
  add(member: ChannelMember): void;
  remove(member: ChannelMember): void;
}

/** Counts members. Changes of one run are announced together; a member that leaves and joins again in one run is not announced. */
export function createPresenceTracker(microtask: SchedulerLike, announce: (change: PresenceChange) => void): PresenceTracker {
  const counts = new Map<string, { readonly member: ChannelMember; count: number }>();
  const changed = new Map<string, ChannelMember>();
  const changes$ = new Subject<PresenceChange>();

  const members = (): readonly ChannelMember[] => [...counts.values()].map(({ member }) => member);
  const timer = createCoalescedTimer(microtask, () => {
    const toggled = [...changed.values()];
    changed.clear();
    const change = { entered: toggled.filter(({ id }) => counts.has(id)), left: toggled.filter(({ id }) => !counts.has(id)) };
    if (toggled.length === 0) return;
    announce(change);
    changes$.next(change);
  });
  /** A second change in the same run cancels the first. */
  const toggle = (member: ChannelMember): void => {
    if (!changed.delete(member.id)) changed.set(member.id, member);
    timer.set(0);
  };

  return {
    members,
    presence$: defer(() =>
      merge(of({ members: members(), entered: [], left: [] }), changes$.pipe(map((change) => ({ ...change, members: members() })))),
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
  };
}
