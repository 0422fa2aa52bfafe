import { Subject } from 'rxjs';
import type { ChannelMember, ChannelPresence } from '../../message/channelTypes.js';
import type { Presence } from './presence.js';

/** What a client knows of who is in a channel. */
export interface Roster {
  readonly changes$: Subject<Presence>;
  /** All who are in, when that is known. */
  current(): Presence | undefined;
  apply(change: ChannelPresence): void;
  /** What is known is not true any more. */
  forget(): void;
}

export function createRoster(): Roster {
  const changes$ = new Subject<Presence>();
  let known: Map<string, ChannelMember> | undefined;
  /** A list of which more is to come. */
  let coming: Map<string, ChannelMember> | undefined;

  const tell = (entered: readonly ChannelMember[], left: readonly ChannelMember[]): void =>
    changes$.next({ members: [...(known?.values() ?? [])], entered, left });
  const replace = (members: Map<string, ChannelMember>): void => {
    const before = known ?? new Map<string, ChannelMember>();
    known = members;
    tell(
      [...members.values()].filter(({ id }) => !before.has(id)),
      [...before.values()].filter(({ id }) => !members.has(id)),
    );
  };
  const collect = ({ entered, more }: ChannelPresence): void => {
    coming ??= new Map();
    for (const member of entered) coming.set(member.id, member);
    if (more) return;
    const members = coming;
    coming = undefined;
    replace(members);
  };
  const change = (members: Map<string, ChannelMember>, { entered, left }: ChannelPresence): void => {
    const come = entered.filter(({ id }) => !members.has(id));
    const gone = left.flatMap((id) => members.get(id) ?? []);
    for (const member of come) members.set(member.id, member);
    for (const { id } of gone) members.delete(id);
    if (come.length + gone.length > 0) tell(come, gone);
  };

  return {
    changes$,
    current: () => known && { members: [...known.values()], entered: [], left: [] },
    apply(update) {
      if (update.reset) collect(update);
      else if (known) change(known, update);
    },
    forget: () => void (known = coming = undefined),
  };
}
