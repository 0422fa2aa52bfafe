import { nanoid } from 'nanoid';
import { StoreError } from '../../errors.js';
import type { OutboxContents, StoredBatch, Ticket } from './outboxStore.js';

/** The stored state of an outbox, without its batches. */
export interface Head {
  readonly pid: string;
  readonly epoch: number;
  readonly acked: number;
  /** The highest number that may have been sent. */
  readonly sent: number;
  readonly ticket?: Ticket | undefined;
}

/**
 * The stored record of a batch. Its key is the number of its last message, which is known also when
 * the record is unreadable.
 */
export type BatchRecord = Pick<StoredBatch, 'first' | 'delivery' | 'frame'>;

/** An outbox as its next owner takes it over. */
export interface Takeover {
  /** The new head. The caller stores it before it passes `contents` on. */
  readonly head: Head;
  readonly contents: OutboxContents;
  /** The number of unreadable records. */
  readonly corrupt: number;
  /**
   * Whether the head was lost or unreadable. The stored batches are then useless, as their sender
   * is unknown.
   */
  readonly isReset: boolean;
}

/**
 * Computes the new head and the contents for the next owner of an outbox.
 *
 * @param found The value of the head's key; `undefined` if there is none.
 * @param entries All batches, in rising order of their keys.
 */
export function takeOver(found: unknown, entries: readonly (readonly [last: number, record: unknown])[]): Takeover {
  const before = readHead(found);
  if (!before) {
    const head = { pid: nanoid(22), epoch: 1, acked: 0, sent: 0 };
    const isReset = found !== undefined || entries.length > 0;
    return { head, contents: { ...head, batches: [] }, corrupt: isReset ? 1 : 0, isReset };
  }
  const head = { ...before, epoch: before.epoch + 1 };
  const waiting = entries.filter(([last]) => last > head.acked);
  const batches = readBatches(waiting);
  const last = waiting.at(-1)?.[0] ?? head.acked;
  return { head, contents: { ...head, batches, last }, corrupt: waiting.length - batches.length, isReset: false };
}

/** Compares the stored head with that of the owner. Returns the fault, or `undefined`. */
export function faultOf(found: unknown, { pid, epoch }: Head): 'fenced' | 'evicted' | 'corrupt' | undefined {
  const head = readHead(found);
  if (!head) return found === undefined ? 'evicted' : 'corrupt';
  if (head.pid !== pid || head.epoch > epoch) return 'fenced';
  // An older owner has created the head again, after the storage was cleared.
  return head.epoch < epoch ? 'evicted' : undefined;
}

/** The key of a batch: the number of its last message. */
export const keyOf = ({ first, count }: StoredBatch): number => first + count - 1;

/** Returns the stored record of a batch. */
export const recordOf = ({ first, delivery, frame }: StoredBatch): BatchRecord => ({ first, delivery, frame });

const QUOTA_ERRORS: readonly unknown[] = ['QuotaExceededError', 'NS_ERROR_DOM_QUOTA_REACHED'];

/** Converts an exception of the browser to a {@link StoreError}. */
export function storeError(store: string, cause: unknown): StoreError {
  if (cause instanceof StoreError) return cause;
  const { name } = Object(cause) as { readonly name?: unknown };
  return new StoreError(store, QUOTA_ERRORS.includes(name) ? 'quota' : 'failed', cause);
}

/** Returns the readable batches. */
function readBatches(entries: readonly (readonly [last: number, record: unknown])[]): readonly StoredBatch[] {
  const batches: StoredBatch[] = [];
  let before = 0;
  for (const [last, record] of entries) {
    const { first, delivery, frame } = Object(record) as Partial<Record<keyof BatchRecord, unknown>>;
    const isFrame = typeof frame === 'string' || frame instanceof Uint8Array;
    if (!isNumber(first) || first <= before || first > last || !isFrame || !isLevel(delivery)) continue;
    batches.push({ first, count: last - first + 1, frame, delivery });
    before = last;
  }
  return batches;
}

function readHead(found: unknown): Head | undefined {
  const { pid, epoch, acked, sent, ticket } = Object(found) as Partial<Record<keyof Head, unknown>>;
  if (typeof pid !== 'string' || pid === '' || !isNumber(epoch) || !isNumber(acked) || !isNumber(sent)) return undefined;
  return { pid, epoch, acked, sent, ticket: readTicket(ticket) };
}

/** Returns `undefined` for a corrupt ticket: without a ticket, the client begins a new session. */
function readTicket(value: unknown): Ticket | undefined {
  const { sid, rt, former } = Object(value) as Partial<Record<keyof Ticket, unknown>>;
  if (typeof sid !== 'string' || typeof rt !== 'string') return undefined;
  const isKnown = Array.isArray(former) && former.every((token): token is string => typeof token === 'string');
  return { sid, rt, ...(isKnown && { former }) };
}

const isNumber = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isLevel = (value: unknown): value is StoredBatch['delivery'] => value === 'at-least-once' || value === 'exactly-once';
