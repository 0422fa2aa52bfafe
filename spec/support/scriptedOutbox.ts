import { EMPTY_OUTBOX } from '../../lib/core/storedOutgoing.js';
import type { MaybeAsync } from '../../lib/message/maybeAsync.js';
import { durable } from '../../lib/wire/session/clientStores.js';
import { memoryOutbox } from '../../lib/stores/memoryOutbox.js';
import type { OpenedOutbox, OutboxHead, OutboxStore, StoredBatch } from '../../lib/stores/outboxStore.js';
import { changeOf, type OutboxChange } from './outboxChange.js';

export type Answers = Readonly<Partial<Record<OutboxChange, (batches: readonly StoredBatch[]) => MaybeAsync<void>>>>;

/** A persistent outbox that stores nothing: each write is answered by what it is for, or at once. */
export function scriptedOutbox(answers: Answers, contents: Partial<OpenedOutbox> = {}): OutboxStore {
  let before: OutboxHead = EMPTY_OUTBOX;
  const opened: OpenedOutbox = { ...EMPTY_OUTBOX, pid: 'a'.repeat(22), epoch: 1, batches: [], ...contents };
  return {
    ...memoryOutbox(),
    ...{ isDurable: true, durability: durable },
    open() {
      before = opened;
      return opened;
    },
    write(change) {
      const answer = answers[changeOf(before, change)];
      before = change.head;
      return answer?.(change.batches);
    },
  };
}
