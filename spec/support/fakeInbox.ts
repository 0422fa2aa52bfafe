import { asapScheduler, defer, observeOn, of, type SchedulerLike } from 'rxjs';
import { durable } from '../../lib/wire/session/clientStores.js';
import type { DeadLetter } from '../../lib/stores/deadLetterStore.js';
import { StoreError } from '../../lib/message/errors.js';
import { isEarlier } from '../../lib/stores/helloNumber.js';
import type { Cursor } from '../../lib/core/storedTypes.js';
import type { ClaimedInbox, Inbox, InboxClaim, InboxLease, InboxRecord } from '../../lib/stores/inbox.js';

/** Writes a value; throws as a database does when it likes. */
export type Write = (value: unknown) => void;

export interface Commit {
  readonly pid: string;
  readonly cursor: Cursor;
  /** How many messages it was for. */
  readonly count: number;
}

/** An inbox in memory whose transactions are all or nothing. What it holds outlives the servers that use it. */
export interface FakeInbox extends Inbox<Write> {
  /** What was written, in order. */
  readonly written: readonly unknown[];
  readonly letters: readonly DeadLetter[];
  /** All transactions that were committed. */
  readonly commits: readonly Commit[];
  /** How many were begun, also those that failed. */
  readonly begun: () => number;
}

/** @param scheduler When a transaction is through. @default at the end of the microtask */
export function fakeInbox(scheduler: SchedulerLike = asapScheduler): FakeInbox {
  const records = new Map<string, InboxRecord>();
  const written: unknown[] = [];
  const letters: DeadLetter[] = [];
  const commits: Commit[] = [];
  let begun = 0;

  return {
    durability: durable,
    written,
    letters,
    commits,
    begun: () => begun,
    claim: (pid, decide) => claimSender(records, pid, decide),
    commit: (lease, cursor, completions) =>
      defer(() => {
        begun++;
        const { pid, claim } = claimIn(lease);
        const before = ownRecord(records, lease);
        const draft: unknown[] = [];
        for (const { effect } of completions) effect?.((value) => void draft.push(value));
        written.push(...draft);
        letters.push(...completions.flatMap(({ deadLetter }) => deadLetter ?? []));
        records.set(pid, { claim, ...before, cursor });
        commits.push({ pid, cursor, count: completions.length });
        return of(undefined);
      }).pipe(observeOn(scheduler)),
    remember(lease, session) {
      const { pid, claim } = claimIn(lease);
      records.set(pid, { cursor: { done: 0, finished: [] }, claim, ...ownRecord(records, lease), session });
    },
  };
}

/** Reads the stored state of a sender, and stores the claim that `decide` returns for it. The claim on an unknown sender is not stored. */
export function claimSender(
  records: Map<string, InboxRecord>,
  pid: string,
  decide: (record: InboxRecord | undefined) => InboxClaim | undefined,
): ClaimedInbox {
  const record = records.get(pid);
  const claim = decide(record);
  if (claim && record) records.set(pid, { ...record, claim });
  return { record, lease: claim && { pid, ...claim, isNew: !record } };
}

/** Returns the stored state of a sender for its owner. @throws {StoreError} `fenced`, if another session has claimed the sender. */
export function ownRecord(records: ReadonlyMap<string, InboxRecord>, lease: InboxLease): InboxRecord | undefined {
  const record = records.get(lease.pid);
  if (!record?.claim || record.claim.owner === lease.owner) return record;
  // The client was told that nothing is known of it, after the other session had begun.
  if (lease.isNew && isEarlier(record.claim, lease)) return undefined;
  throw new StoreError('memory', 'fenced');
}

/** Returns what is stored of a lease. */
export function claimIn({ pid, owner, epoch, n }: InboxLease): { readonly pid: string; readonly claim: InboxClaim } {
  return { pid, claim: { owner, epoch, n } };
}
