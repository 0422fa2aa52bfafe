import { Subject } from 'rxjs';
import type { ChannelMember, ChannelPresence } from '../../message/channelTypes.js';
import type { Presence } from './presence.js';

/** The members of a channel as far as the client knows them. */
export interface MemberList {
  readonly changes$: Subject<Presence>;
  /** Returns all members; undefined while they are unknown. */
  snapshot(): Presence | undefined;
  apply(change: ChannelPresence): void;
  /** Discards the list, which is out of date. */
  reset(): void;
}

export function createMemberList(): MemberList {
  const changes$ = new Subject<Presence>();
  let current: Map<string, ChannelMember> | undefined;
  /** The pages of a list whose last page has not arrived yet. */
  let pendingPages: Map<string, ChannelMember> | undefined;

  const emitChange = (entered: readonly ChannelMember[], left: readonly ChannelMember[]): void =>
    changes$.next({ members: [...(current?.values() ?? [])], entered, left });
  const replace = (members: Map<string, ChannelMember>): void => {
    const before = current ?? new Map<string, ChannelMember>();
    current = members;
    emitChange(
      [...members.values()].filter(({ id }) => !before.has(id)),
      [...before.values()].filter(({ id }) => !members.has(id)),
    );
  };
  const collect = ({ entered, more }: ChannelPresence): void => {
    pendingPages ??= new Map();
    for (const member of entered) pendingPages.set(member.id, member);
    if (more) return;
    const members = pendingPages;
    pendingPages = undefined;
    replace(members);
  };
  const change = (members: Map<string, ChannelMember>, { entered, left }: ChannelPresence): void => {
    const entering = entered.filter(({ id }) => !members.has(id));
    const leaving = left.flatMap((id) => members.get(id) ?? []);
    for (const member of entering) members.set(member.id, member);
    for (const { id } of leaving) members.delete(id);
    if (entering.length + leaving.length > 0) emitChange(entering, leaving);
  };

  return {
    changes$,
    snapshot: () => current && { members: [...current.values()], entered: [], left: [] },
    apply(update) {
      if (update.reset) collect(update);
      else if (current) change(current, update);
    },
    reset: () => void (current = pendingPages = undefined),
  };
}
