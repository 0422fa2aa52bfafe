import type { DeadLetter, DeadLetterStore, Inbox, InboxRecord, QueuedMessage, QueueStore } from '../../../lib/index.js';

import { claimIn, claimSender, ownRecord } from '../../support/fakeInbox.js';
import type { Disk } from '../disk.js';
import type { Life } from '../life.js';

/** What is on the disk of the server. */
export interface Records {
  readonly senders: Map<string, InboxRecord>;
  readonly queued: Map<number, QueuedMessage>;
}

/** Says whose effect it is. */
export type Effect = (id: string) => void;

/** Effects, dead letters and the cursor in one transaction. */
export function diskInbox(
  life: Life,
  disk: Disk,
  { senders }: Records,
  onEffect: (id: string) => void,
  onLetter: (letter: DeadLetter) => void,
): Inbox<Effect> {
  return {
    claim: (pid, decide) => disk.write(life, () => claimSender(senders, pid, decide)),
    commit: (lease, cursor, completions) =>
      disk.write(life, () => {
        const { pid, claim } = claimIn(lease);
        const before = ownRecord(senders, lease);
        const effects: string[] = [];
        for (const { effect } of completions) effect?.((id) => void effects.push(id));
        senders.set(pid, { claim, ...before, cursor });
        effects.forEach(onEffect);
        for (const { deadLetter } of completions) if (deadLetter) onLetter(deadLetter);
      }),
    remember: (lease, session) =>
      disk.write(life, () => {
        const { pid, claim } = claimIn(lease);
        senders.set(pid, { cursor: { done: 0, finished: [] }, claim, ...ownRecord(senders, lease), session });
      }),
  };
}

/** One queue, whatever its name. */
export function diskQueue(life: Life, disk: Disk, { queued }: Records): QueueStore {
  return {
    queue: () => ({
      open: () => disk.write(life, () => [...queued.values()]),
      write: (added, removed) =>
        disk.write(life, () => {
          for (const row of added) queued.set(row.place, row);
          for (const place of removed) queued.delete(place);
        }),
      close: () => undefined,
    }),
  };
}

/** Letters that are there once they are on the disk. */
export function diskLetters(life: Life, disk: Disk, onLetter: (letter: DeadLetter) => void): Pick<DeadLetterStore, 'add'> {
  return { add: (letter) => disk.write(life, () => onLetter(letter)) };
}
