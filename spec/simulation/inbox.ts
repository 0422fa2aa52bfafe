import { durable } from '../../lib/session/durability.js';
import type { Frame } from '../../lib/link/link.js';
import type { Inbox, InboxRecord } from '../../lib/session/store/inbox.js';
import type { Disk } from './disk.js';
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
}

/** Effects and the cursor in one transaction, which outlives processes. */
export function durableInbox(
  life: Life,
  { disk, records, onEffects, onBuried, onRefused, onUndecodable }: InboxOptions,
): Inbox<Transaction> {
  const recordOf = (sender: string): InboxRecord => records.get(sender) ?? { cursor: { done: 0, finished: [] } };
  return {
    durability: durable,
    load: (sender) => disk.write(life, () => records.get(sender)),
    commit: (sender, cursor, completions) =>
      disk.write(life, () => {
        const effects: string[] = [];
        const refused: string[] = [];
        // A throw undoes all of it.
        for (const { effect } of completions) effect?.((id, isRefused) => void (isRefused ? refused : effects).push(id));
        records.set(sender, { ...recordOf(sender), cursor });
        onEffects(effects);
        onRefused(refused);
        for (const { deadLetter } of completions) {
          if (!deadLetter) continue;
          const { id, type, payload } = deadLetter.message;
          if (type === 'system.undecodable') onUndecodable((payload as { readonly body: Frame }).body);
          else onBuried([id]);
        }
      }),
    remember: (sender, session) => disk.write(life, () => void records.set(sender, { ...recordOf(sender), session })),
  };
}
