import type { MaybeAsync } from '../../lib/message/maybeAsync.js';
import { durable } from '../../lib/wire/session/clientStores.js';
import type { Frame } from '../../lib/io/link.js';
import type { Inbox, InboxLease, InboxRecord } from '../../lib/stores/inbox.js';
import { isFenced } from '../../lib/stores/storeErrors.js';
import { claimIn, claimSender, ownRecord } from '../support/fakeInbox.js';
import { onFailed, type Disk } from './disk.js';
import type { Life } from './life.js';

/** What an effect may do in its transaction: say whose it is, and whether the message is refused. */
export type Transaction = (id: string, isRefused?: boolean) => void;

export interface InboxOptions {
  readonly disk: Disk;
  /** What is on the disk, by sender. */
  readonly records: Map<string, InboxRecord>;
  /** Told which messages have had their effect, or were buried, in a transaction that is committed. */
  readonly onEffects: (ids: readonly string[]) => void;
  readonly onBuried: (ids: readonly string[]) => void;
  readonly onRefused: (ids: readonly string[]) => void;
  /** Called with the body of each undecodable batch that has a dead letter. */
  readonly onUndecodable: (body: Frame) => void;
  /** Called with the cursors before and after each commit. */
  readonly onCommitted?: (pid: string, before: number, after: number) => void;
  /** Called when a session learns that another has claimed a sender. */
  readonly onFenced?: (lease: InboxLease) => void;
}

const START: InboxRecord = { cursor: { done: 0, finished: [] } };

/** Effects and the cursor in one transaction, which outlives processes. */
export function durableInbox(
  life: Life,
  { disk, records, onEffects, onBuried, onRefused, onUndecodable, onCommitted, onFenced }: InboxOptions,
): Inbox<Transaction> {
  const write = (lease: InboxLease, work: () => void): MaybeAsync<void> =>
    onFailed(
      () => disk.write(life, work),
      (error) => isFenced(error) && onFenced?.(lease),
    );
  return {
    durability: durable,
    claim: (sender, decide) => disk.write(life, () => claimSender(records, sender, decide)),
    commit: (lease, cursor, completions) =>
      write(lease, () => {
        const { pid: sender, claim } = claimIn(lease);
        const before = ownRecord(records, lease);
        const effects: string[] = [];
        const refused: string[] = [];
        // A throw undoes all of it.
        for (const { effect } of completions) effect?.((id, isRefused) => void (isRefused ? refused : effects).push(id));
        records.set(sender, { claim, ...before, cursor });
        onCommitted?.(sender, before?.cursor.done ?? 0, cursor.done);
        onEffects(effects);
        onRefused(refused);
        for (const { deadLetter } of completions) {
          if (!deadLetter) continue;
          const { id, type, payload } = deadLetter.message;
          if (type === 'system.undecodable') onUndecodable((payload as { readonly body: Frame }).body);
          else onBuried([id]);
        }
      }),
    remember: (lease, session) =>
      write(lease, () => {
        const { pid: sender, claim } = claimIn(lease);
        records.set(sender, { ...START, claim, ...ownRecord(records, lease), session });
      }),
  };
}
