import type { ChannelMember, ChannelPresence } from '../message/channelTypes.js';
import type { Received } from './channelPayloads.js';

/** The members of a channel, and the latest change. */
export interface Presence {
  /** All members. */
  readonly members: readonly ChannelMember[];
  /** All members but this client. On the server, all members. */
  readonly others: readonly ChannelMember[];
  /** The members that joined since the previous value. */
  readonly entered: readonly ChannelMember[];
  /** The members that left since the previous value. */
  readonly left: readonly ChannelMember[];
  /** The members whose state has changed since the previous value. */
  readonly updated: readonly ChannelMember[];
}

/** The members as far as they are known before a join. */
export const NO_MEMBERS: Presence = { members: [], others: [], entered: [], left: [], updated: [] };

export type MemberList = ReturnType<typeof createMemberList>;

/** Creates the list of the members, as far as a client knows them. @param self Returns its id. */
export function createMemberList(self: () => string | undefined) {
  let current: Map<string, ChannelMember> | undefined;
  let pendingPages: Map<string, ChannelMember> | undefined;

  const withAll = (change: Pick<Presence, 'entered' | 'left' | 'updated'>): Presence => {
    const members = [...(current?.values() ?? [])];
    return { members, others: members.filter(({ id }) => id !== self()), ...change };
  };
  const replace = (members: Map<string, ChannelMember>): Presence => {
    const before = current ?? new Map<string, ChannelMember>();
    current = members;
    const isUpdated = ({ id, state }: ChannelMember): boolean => before.has(id) && before.get(id)?.state !== state;
    const entered = [...members.values()].filter(({ id }) => !before.has(id));
    const left = [...before.values()].filter(({ id }) => !members.has(id));
    return withAll({ entered, left, updated: [...members.values()].filter(isUpdated) });
  };
  const collect = ({ entered, more }: Received<ChannelPresence>): Presence | undefined => {
    pendingPages ??= new Map();
    for (const member of entered) pendingPages.set(member.id, member);
    if (more) return undefined;
    const members = pendingPages;
    pendingPages = undefined;
    return replace(members);
  };
  const change = (
    members: Map<string, ChannelMember>,
    { entered, left, updated = [] }: Received<ChannelPresence>,
  ): Presence | undefined => {
    const entering = entered.filter(({ id }) => !members.has(id));
    const leaving = left.flatMap((id) => members.get(id) ?? []);
    for (const member of entering) members.set(member.id, member);
    for (const { id } of leaving) members.delete(id);
    const updating = updated.filter(({ id }) => members.has(id));
    for (const member of updating) members.set(member.id, member);
    const isChange = entering.length + leaving.length + updating.length > 0;
    return isChange ? withAll({ entered: entering, left: leaving, updated: updating }) : undefined;
  };

  return {
    /** Returns all members, without a change; undefined while they are not known. */
    all: (): Presence | undefined => current && withAll({ entered: [], left: [], updated: [] }),
    /** Returns what an update of the server changes; undefined for nothing. */
    apply(update: Received<ChannelPresence>): Presence | undefined {
      if (update.reset) return collect(update);
      return current && change(current, update);
    },
    reset: (): void => void (current = pendingPages = undefined),
  };
}
