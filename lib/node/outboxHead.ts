import { isHelloNumber } from '../session/store/isHelloNumber.js';
import type { HelloNumber, Ticket } from '../session/store/outboxStore.js';

/** The state of an outbox. */
export interface OutboxHead {
  readonly pid: string;
  readonly epoch: number;
  readonly acked: number;
  /** The highest assigned number. */
  readonly last: number;
  /** The highest number that may have been sent. */
  readonly sent: number;
  readonly ticket?: Ticket | undefined;
  /** On a server: the latest hello that the owner has answered when it opened the outbox. */
  readonly hello?: HelloNumber | undefined;
  /** The time of last use. */
  readonly at: number;
}

/** Returns whether a stored value is the head of an outbox. */
export function isOutboxHead(value: unknown): value is OutboxHead {
  if (typeof value !== 'object' || value === null) return false;
  const { pid, epoch, acked, last, sent, ticket, hello, at } = value as Record<keyof OutboxHead, unknown>;
  const areNumbers = [epoch, acked, last, sent].every(Number.isSafeInteger) && typeof at === 'number';
  return typeof pid === 'string' && areNumbers && isTicket(ticket) && (hello === undefined || isHelloNumber(hello));
}

function isTicket(value: unknown): boolean {
  if (value === undefined) return true;
  if (typeof value !== 'object' || value === null) return false;
  const { sid, rt } = value as Record<keyof Ticket, unknown>;
  return typeof sid === 'string' && typeof rt === 'string';
}
