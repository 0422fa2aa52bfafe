import { asapScheduler, defer, observeOn, of, type SchedulerLike } from 'rxjs';
import { durable } from '../../lib/session/durability.js';
import type { DeadLetter } from '../../lib/session/store/deadLetterStore.js';
import type { Cursor, Inbox, InboxRecord } from '../../lib/session/store/inbox.js';

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
    load: (pid) => records.get(pid),
    commit: (pid, cursor, completions) =>
      defer(() => {
        begun++;
        const draft: unknown[] = [];
        for (const { effect } of completions) effect?.((value) => void draft.push(value));
        written.push(...draft);
        letters.push(...completions.flatMap(({ deadLetter }) => deadLetter ?? []));
        records.set(pid, { ...records.get(pid), cursor });
        commits.push({ pid, cursor, count: completions.length });
        return of(undefined);
      }).pipe(observeOn(scheduler)),
    remember(pid, session) {
      records.set(pid, { cursor: { done: 0, finished: [] }, ...records.get(pid), session });
    },
  };
}
