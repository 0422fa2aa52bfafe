import { defer, map, merge, of, Subject, type Observable, type SchedulerLike } from 'rxjs';
import { createAlarm } from '../../internal/alarm.js';
import type { ChannelMember } from '../../message/channelTypes.js';
import type { Presence } from '../channels/presence.js';

/** Who has come and gone. */
export type PresenceChange = Pick<Presence, 'entered' | 'left'>;

/** Who is in a channel; a member may be there by way of several wires. */
export interface Attendance {
  readonly members: () => readonly ChannelMember[];
  readonly presence$: Observable<Presence>;
  enter(member: ChannelMember): void;
  leave(member: ChannelMember): void;
}

/** Counts who is in. Who comes and goes in one go is told together, and not at all, if it is the same one. */
export function createAttendance(microtask: SchedulerLike, announce: (change: PresenceChange) => void): Attendance {
  const present = new Map<string, { readonly member: ChannelMember; count: number }>();
  const changed = new Map<string, ChannelMember>();
  const changes$ = new Subject<PresenceChange>();

  const members = (): readonly ChannelMember[] => [...present.values()].map(({ member }) => member);
  const soon = createAlarm(microtask, () => {
    const all = [...changed.values()];
    changed.clear();
    const change = { entered: all.filter(({ id }) => present.has(id)), left: all.filter(({ id }) => !present.has(id)) };
    if (all.length === 0) return;
    announce(change);
    changes$.next(change);
  });
  /** Twice is back where it was. */
  const note = (member: ChannelMember): void => {
    if (!changed.delete(member.id)) changed.set(member.id, member);
    soon.set(0);
  };

  return {
    members,
    presence$: defer(() =>
      merge(of({ members: members(), entered: [], left: [] }), changes$.pipe(map((change) => ({ ...change, members: members() })))),
    ),
    enter(member) {
      const known = present.get(member.id);
      if (known) known.count++;
      else {
        present.set(member.id, { member, count: 1 });
        note(member);
      }
    },
    leave({ id }) {
      const known = present.get(id);
      if (!known || --known.count > 0) return;
      present.delete(id);
      note(known.member);
    },
  };
}
