import { chain, type MaybeAsync } from '../../lib/message/maybeAsync.js';
import type { Inbox, InboxLease, InboxRecord } from '../../lib/stores/inbox.js';

/** Returns a lease that was not claimed: it fits a sender that no session has claimed, or this owner has. */
export function leaseOf(pid: string, owner = 'test'): InboxLease {
  return { pid, owner, epoch: 0, n: 0 };
}

/** Reads the stored state of a sender, without a claim. */
export function recordOf(inbox: Pick<Inbox, 'claim'>, pid: string): MaybeAsync<Pick<InboxRecord, 'cursor' | 'session'> | undefined> {
  return chain(
    inbox.claim(pid, () => undefined),
    ({ record }) => record && { cursor: record.cursor, session: record.session },
  );
}
