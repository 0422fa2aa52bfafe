import { defer, filter, map, startWith, Subject } from 'rxjs';
import type { ChannelMember, ClusterPresence, PresenceChange } from '../../../lib/index.js';

/** The presence of hubs that share their members. A member is at one of them at a time. */
export function createSharedPresence(hubs: number): readonly ClusterPresence[] {
  const changes$ = new Subject<{ readonly hub: number; readonly channel: string; readonly change: PresenceChange }>();
  const places = Array.from({ length: hubs }, () => new Map<string, Map<string, ChannelMember>>());
  return places.map((own, hub) => ({
    publish(channel, change) {
      const members = own.get(channel) ?? new Map<string, ChannelMember>();
      own.set(channel, members);
      for (const { id } of change.left) members.delete(id);
      for (const member of [...change.entered, ...change.updated]) members.set(member.id, member);
      changes$.next({ hub, channel, change });
    },
    changes: (channel) =>
      defer(() => {
        const entered = places.flatMap((place) => (place === own ? [] : [...(place.get(channel)?.values() ?? [])]));
        return changes$.pipe(
          filter((one) => one.hub !== hub && one.channel === channel),
          map(({ change }) => change),
          startWith({ entered, left: [], updated: [] }),
        );
      }),
  }));
}
