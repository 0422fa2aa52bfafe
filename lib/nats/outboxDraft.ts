import type { OutboxWrite, StoredBatch } from '../session/store/outboxStore.js';
import { headOf } from '../session/store/storedHead.js';
import type { StoredWrite } from './outboxEntries.js';
import type { NatsOutboxHead } from './outboxEntry.js';

export interface OutboxLimits {
  /** The maximum number of messages of an outbox. */
  readonly maxMessages: number;
  /** The maximum size of the batches of an outbox, in bytes. */
  readonly maxBytes: number;
}

interface Usage {
  readonly messages: number;
  readonly bytes: number;
}

const NOTHING: Usage = { messages: 0, bytes: 0 };

/** An outbox after some changes that are not stored yet. */
export interface OutboxDraft {
  readonly head: NatsOutboxHead;
  /** The earlier writes that still count. */
  readonly writes: readonly StoredWrite[];
  /** Whether the batches replace all that is stored. */
  readonly replaces: boolean;
  /** The batches to be stored. */
  readonly batches: readonly StoredBatch[];
}

/** Returns the outbox after one more write; `undefined` if there is no room for its batches. */
export function applyWrite(draft: OutboxDraft, change: OutboxWrite, limits: OutboxLimits): OutboxDraft | undefined {
  const { acked } = change.head;
  const { writes, batches, replaces } = change.replaces ? { writes: [], batches: [], replaces: true } : draft;
  const next: OutboxDraft = {
    head: { ...headOf(draft.head, change.head), start: draft.head.start },
    writes: writes.filter((write) => write.batches.some((batch) => lastOf(batch) > acked)),
    replaces,
    batches: [...batches, ...change.batches],
  };
  const all = [...next.writes.flatMap((write) => write.batches), ...next.batches];
  return change.batches.length > 0 && !hasRoom(all, limits) ? undefined : next;
}

function hasRoom(batches: readonly StoredBatch[], { maxMessages, maxBytes }: OutboxLimits): boolean {
  const { messages, bytes } = batches.reduce(addUsage, NOTHING);
  return messages <= maxMessages && bytes <= maxBytes;
}

function addUsage({ messages, bytes }: Usage, { count, body }: StoredBatch): Usage {
  return { messages: messages + (body.length > 0 ? count : 0), bytes: bytes + Buffer.byteLength(body) };
}

function lastOf({ first, count }: StoredBatch): number {
  return first + count - 1;
}
