import { isSkip } from '../session/store/isSkip.js';
import type { StoredBatch, Ticket } from '../session/store/outboxStore.js';
import type { StoredWrite } from './outboxEntries.js';
import type { NatsOutboxHead } from './outboxEntry.js';

export interface OutboxLimits {
  /** The maximum number of messages of an outbox. */
  readonly maxMessages: number;
  /** The maximum size of the frames of an outbox, in bytes. */
  readonly maxBytes: number;
}

/** A change of an outbox: fields of its head, and batches that are added. */
export interface OutboxChange {
  readonly acked?: number;
  readonly sent?: number;
  readonly ticket?: Ticket;
  readonly batches?: readonly StoredBatch[];
  /** Whether the batches replace all earlier ones. */
  readonly replaces?: boolean;
  /** Whether the change may wait for another one. */
  readonly canWait?: boolean;
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

/** Returns the outbox after one more change; `undefined` if there is no room for its batches. */
export function applyChange(draft: OutboxDraft, change: OutboxChange, limits: OutboxLimits): OutboxDraft | undefined {
  const { acked, sent, ticket, batches: more = [], replaces = false } = change;
  const base = replaces ? { ...draft, writes: [], replaces, batches: [] } : draft;
  const batches = [...base.batches, ...more];
  const { head } = draft;
  const isFull = more.length > 0 && !hasRoom([...base.writes.flatMap((write) => write.batches), ...batches], limits);
  if (isFull) return undefined;
  return {
    ...base,
    batches,
    writes: acked === undefined ? base.writes : base.writes.filter((write) => write.batches.some((batch) => lastOf(batch) > acked)),
    head: {
      ...head,
      // Only a change that replaces all may go back.
      acked: replaces ? (acked ?? 0) : Math.max(head.acked, acked ?? 0),
      sent: sent ?? head.sent,
      last: Math.max(replaces ? (acked ?? 0) : head.last, ...more.map(lastOf)),
      ticket: ticket ?? head.ticket,
    },
  };
}

function hasRoom(batches: readonly StoredBatch[], { maxMessages, maxBytes }: OutboxLimits): boolean {
  const { messages, bytes } = batches.reduce(addUsage, NOTHING);
  return messages <= maxMessages && bytes <= maxBytes;
}

function addUsage({ messages, bytes }: Usage, batch: StoredBatch): Usage {
  return { messages: messages + (isSkip(batch) ? 0 : batch.count), bytes: bytes + Buffer.byteLength(batch.frame) };
}

function lastOf({ first, count }: StoredBatch): number {
  return first + count - 1;
}
