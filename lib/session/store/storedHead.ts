import { nanoid } from 'nanoid';
import { EMPTY_OUTBOX } from '../../core/outgoingStore.js';
import { isHelloNumber } from './isHelloNumber.js';
import type { HelloNumber, OpenedOutbox, OutboxHead, SessionTicket, StoredBatch } from './outboxStore.js';

/** The head of an outbox with its owner. */
export interface StoredHead extends OutboxHead, Pick<OpenedOutbox, 'pid' | 'epoch'> {
  /** On a server: the latest hello that the owner has answered when it opened the outbox. */
  readonly hello?: HelloNumber | undefined;
}

type Fields = Partial<Record<keyof StoredHead & string, unknown>>;

/** Returns the head of a new outbox. */
export const newHead = (): StoredHead => ({ ...EMPTY_OUTBOX, pid: nanoid(22), epoch: 1 });

/** Returns the head that the owner writes. */
export function headOf({ pid, epoch, hello }: StoredHead, head: OutboxHead): StoredHead {
  return { ...fieldsOf(head), pid, epoch, hello };
}

/** Returns what the owner finds. */
export function openedOf(head: StoredHead, batches: readonly StoredBatch[]): OpenedOutbox {
  return { ...fieldsOf(head), pid: head.pid, epoch: head.epoch, batches };
}

/**
 * Returns the head that a stored value is; `undefined` if it is none. A corrupt ticket is left out:
 * without a ticket, the client begins a new session.
 */
export function readHead(value: unknown): StoredHead | undefined {
  const { pid, epoch, acked, last, mark, skips, isPaused, codec, ticket, hello } = Object(value) as Fields;
  const isOwned = typeof pid === 'string' && pid !== '' && isNumber(epoch) && (hello === undefined || isHelloNumber(hello));
  const isRead = isNumber(acked) && isNumber(last) && isNumber(mark) && typeof isPaused === 'boolean' && typeof codec === 'string';
  if (!isOwned || !isRead || !Array.isArray(skips) || !skips.every(isNumber)) return undefined;
  return { pid, epoch, hello, acked, last, mark, skips, isPaused, codec, ticket: isTicket(ticket) ? ticket : undefined };
}

/** Returns only the fields of a head. */
function fieldsOf({ acked, last, mark, skips, isPaused, codec, ticket }: OutboxHead): OutboxHead {
  return { acked, last, mark, skips, isPaused, codec, ticket };
}

function isTicket(value: unknown): value is SessionTicket {
  const { sid, rt, former } = Object(value) as Partial<Record<keyof SessionTicket, unknown>>;
  return typeof sid === 'string' && typeof rt === 'string' && Array.isArray(former) && former.every((one) => typeof one === 'string');
}

export const isNumber = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
