import { defer, startWith, Subject } from 'rxjs';
import type { ChannelMember, ClusterPresence, PresenceChange } from '../../../lib/index.js';

/** The presence of one hub, until its process dies. */
export interface HubPresence extends ClusterPresence {
  /** The others learn that its members are gone. */
  end(): void;
}

interface Place {
  readonly channels: Map<string, Map<string, ChannelMember>>;
  readonly changes$: Map<string, Subject<PresenceChange>>;
}

/** Creates the presence that hubs share. A member may be at several of them; where several set its state, the latest counts. */
export function createSharedPresence(): { readonly join: (isAlive: () => boolean) => HubPresence } {
  const places = new Set<Place>();
  const states = new Map<string, unknown>();
  const membersAt = (place: Place, channel: string): Map<string, ChannelMember> => {
    const members = place.channels.get(channel) ?? new Map<string, ChannelMember>();
    place.channels.set(channel, members);
    return members;
  };
  const isElsewhere = (id: string, channel: string, ...except: readonly Place[]): boolean =>
    [...places].some((place) => !except.includes(place) && membersAt(place, channel).has(id));
  const keyOf = (channel: string, id: string): string => `${channel} ${id}`;
  const withState = (channel: string, member: ChannelMember): ChannelMember => {
    const state = states.get(keyOf(channel, member.id));
    const { id, info } = member;
    return { id, ...(info !== undefined && { info }), ...(state !== undefined && { state }) };
  };

  return {
    join(isAlive) {
      const own: Place = { channels: new Map(), changes$: new Map() };
      places.add(own);
      const publish = (channel: string, { entered, left, updated }: PresenceChange): void => {
        const members = membersAt(own, channel);
        const wasElsewhere = new Map(
          [...places].map((place) => [place, new Set(entered.filter(({ id }) => isElsewhere(id, channel, place)).map(({ id }) => id))]),
        );
        for (const { id } of left) members.delete(id);
        for (const member of entered) {
          members.set(member.id, member);
          if (member.state !== undefined && !states.has(keyOf(channel, member.id))) states.set(keyOf(channel, member.id), member.state);
        }
        for (const { id, state } of updated) states.set(keyOf(channel, id), state);
        for (const { id } of left) if (!isElsewhere(id, channel)) states.delete(keyOf(channel, id));
        for (const place of places) {
          if (place === own) continue;
          place.changes$.get(channel)?.next({
            entered: entered.filter(({ id }) => !wasElsewhere.get(place)?.has(id)).map((member) => withState(channel, member)),
            left: left.filter(({ id }) => !isElsewhere(id, channel, place)),
            updated: updated.map((member) => withState(channel, member)),
          });
        }
      };
      return {
        publish: (channel, change) => isAlive() && publish(channel, change),
        changes: (channel) =>
          defer(() => {
            const others = [...places].filter((place) => place !== own).flatMap((place) => [...membersAt(place, channel).values()]);
            const entered = [...new Map(others.map((member) => [member.id, withState(channel, member)])).values()];
            const changes$ = own.changes$.get(channel) ?? new Subject<PresenceChange>();
            own.changes$.set(channel, changes$);
            return changes$.pipe(startWith({ entered, left: [], updated: [] }));
          }),
        end() {
          for (const [channel, members] of own.channels) publish(channel, { entered: [], left: [...members.values()], updated: [] });
          places.delete(own);
        },
      };
    },
  };
}
