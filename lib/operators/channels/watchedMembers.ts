import { defer, type Observable, startWith, Subject, takeUntil } from 'rxjs';
import { createMemberList, type Presence } from '../../channels/memberList.js';
import type { ChannelPresence } from '../../message/channelTypes.js';
import type { Received } from '../../channels/channelPayloads.js';
import { completionOf } from '../subscribing/completionOf.js';
import { refCounted } from './refCounted.js';

/**
 * The members of a channel, which the server sends while they have subscribers.
 *
 * @param self Returns the id of this client.
 * @param onChange Called when the first subscriber comes, and when the last one has gone.
 */
export function createWatchedMembers(self: () => string | undefined, onChange: () => void) {
  const list = createMemberList(self);
  const presence$ = new Subject<Presence>();
  const watchers = refCounted(onChange, () => {
    list.reset();
    onChange();
  });
  const members$ = defer(() => {
    const all = list.all();
    return all ? presence$.pipe(startWith(all)) : presence$;
  });
  return {
    isActive: watchers.isActive,
    /** Emits all members if they are known, and then each change, until a source completes. */
    until: (source$: Observable<unknown>): Observable<Presence> => watchers.by(members$.pipe(takeUntil(completionOf(source$)))),
    apply(update: Received<ChannelPresence>): void {
      const presence = watchers.isActive() ? list.apply(update) : undefined;
      if (presence) presence$.next(presence);
    },
  };
}
