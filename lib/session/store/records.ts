import { StoreError } from '../../errors.js';
import type { OpenedOutbox, StoredBatch } from './outboxStore.js';
import { isNumber, newHead, openedOf, readHead, type StoredHead } from './storedHead.js';

/**
 * The stored record of a batch. Its key is the number of its last message, which is known also when
 * the record is unreadable.
 */
export type BatchRecord = Pick<StoredBatch, 'first' | 'level' | 'body'>;

/** An outbox as its next owner takes it over. */
export interface Takeover {
  /** The new head. The caller stores it before it passes `contents` on. */
  readonly head: StoredHead;
  readonly contents: OpenedOutbox;
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
    const head = newHead();
    const isReset = found !== undefined || entries.length > 0;
    return { head, contents: openedOf(head, []), corrupt: isReset ? 1 : 0, isReset };
  }
  const waiting = entries.filter(([last]) => last > before.acked);
  const batches = readBatches(waiting);
  const head = { ...before, epoch: before.epoch + 1 };
  return { head, contents: openedOf(head, batches), corrupt: waiting.length - batches.length, isReset: false };
}

/** Compares the stored head with that of the owner. Returns the fault, or `undefined`. */
export function faultOf(found: unknown, { pid, epoch }: StoredHead): 'fenced' | 'evicted' | 'corrupt' | undefined {
  const head = readHead(found);
  if (!head) return found === undefined ? 'evicted' : 'corrupt';
  if (head.pid !== pid || head.epoch > epoch) return 'fenced';
  // An older owner has created the head again, after the storage was cleared.
  return head.epoch < epoch ? 'evicted' : undefined;
}

/** The key of a batch: the number of its last message. */
export const keyOf = ({ first, count }: StoredBatch): number => first + count - 1;

/** Returns the stored record of a batch. */
export const recordOf = ({ first, level, body }: StoredBatch): BatchRecord => ({ first, level, body });

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
    const { first, level, body } = Object(record) as Partial<Record<keyof BatchRecord, unknown>>;
    const isBody = typeof body === 'string' || body instanceof Uint8Array;
    if (!isNumber(first) || first <= before || first > last || !isBody || !isLevel(level)) continue;
    batches.push({ first, count: last - first + 1, body, level });
    before = last;
  }
  return batches;
}

const isLevel = (value: unknown): value is StoredBatch['level'] => value === 'at-least-once' || value === 'exactly-once';
