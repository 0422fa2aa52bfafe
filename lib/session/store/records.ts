import { nanoid } from 'nanoid';
import { StoreError } from '../../errors.js';
import type { OutboxContents, StoredBatch, Ticket } from './outboxStore.js';

/** What an outbox keeps of itself. */
export interface Head {
  readonly pid: string;
  readonly epoch: number;
  readonly acked: number;
  readonly ticket?: Ticket | undefined;
}

/** What is kept of a batch, under the number of its last message: that is known also when the rest cannot be read. */
export type BatchRecord = Pick<StoredBatch, 'first' | 'delivery' | 'frame'>;

/** An outbox, to its next owner. */
export interface Takeover {
  /** To be stored, before `contents` is told. */
  readonly head: Head;
  readonly contents: OutboxContents;
  /** How many records could not be read. */
  readonly corrupt: number;
  /** Nobody knows any more who numbered these batches: they can be of no use to anyone. */
  readonly isReset: boolean;
}

/**
 * Becomes the owner of what was found.
 *
 * @param found What was under the head's key, `undefined` if nothing.
 * @param entries All batches, in rising order of their keys.
 */
export function takeOver(found: unknown, entries: readonly (readonly [last: number, record: unknown])[]): Takeover {
  const before = readHead(found);
  if (!before) {
    const head = { pid: nanoid(22), epoch: 1, acked: 0 };
    const isReset = found !== undefined || entries.length > 0;
    return { head, contents: { ...head, batches: [] }, corrupt: isReset ? 1 : 0, isReset };
  }
  const head = { ...before, epoch: before.epoch + 1 };
  const waiting = entries.filter(([last]) => last > head.acked);
  const batches = readBatches(waiting);
  const last = waiting.at(-1)?.[0] ?? head.acked;
  return { head, contents: { ...head, batches, last }, corrupt: waiting.length - batches.length, isReset: false };
}

/** What the head that is found now means to an owner: nothing, or what is wrong. */
export function faultOf(found: unknown, { pid, epoch }: Head): 'fenced' | 'evicted' | 'corrupt' | undefined {
  const head = readHead(found);
  if (!head) return found === undefined ? 'evicted' : 'corrupt';
  if (head.pid !== pid || head.epoch > epoch) return 'fenced';
  // An older owner has made it anew, after it was cleared.
  return head.epoch < epoch ? 'evicted' : undefined;
}

/** The key of a batch: the number of its last message. */
export const keyOf = ({ first, count }: StoredBatch): number => first + count - 1;

/** What is kept under it. */
export const recordOf = ({ first, delivery, frame }: StoredBatch): BatchRecord => ({ first, delivery, frame });

const QUOTA_ERRORS: readonly unknown[] = ['QuotaExceededError', 'NS_ERROR_DOM_QUOTA_REACHED'];

/** What a browser threw, as an error of this store. */
export function storeError(store: string, cause: unknown): StoreError {
  if (cause instanceof StoreError) return cause;
  const { name } = Object(cause) as { readonly name?: unknown };
  return new StoreError(store, QUOTA_ERRORS.includes(name) ? 'quota' : 'failed', cause);
}

/** Those that can be read. */
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
  const { pid, epoch, acked, ticket } = Object(found) as Partial<Record<keyof Head, unknown>>;
  if (typeof pid !== 'string' || pid === '' || !isNumber(epoch) || !isNumber(acked)) return undefined;
  return { pid, epoch, acked, ticket: readTicket(ticket) };
}

/** Without a ticket the session is a new one, which harms nothing: a corrupt one counts as none. */
function readTicket(value: unknown): Ticket | undefined {
  const { sid, rt } = Object(value) as Partial<Record<keyof Ticket, unknown>>;
  return typeof sid === 'string' && typeof rt === 'string' ? { sid, rt } : undefined;
}

const isNumber = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isLevel = (value: unknown): value is StoredBatch['delivery'] => value === 'at-least-once' || value === 'exactly-once';
