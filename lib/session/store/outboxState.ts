import { isHelloNumber } from './isHelloNumber.js';
import type { HelloNumber, Ticket } from './outboxStore.js';

/** The stored state of an outbox that several processes may share. */
export interface OutboxState {
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
}

/** Returns whether a stored value is the state of an outbox. */
export function isOutboxState(value: unknown): value is OutboxState {
  if (typeof value !== 'object' || value === null) return false;
  const { pid, epoch, acked, last, sent, ticket, hello } = value as Record<keyof OutboxState, unknown>;
  const areNumbers = [epoch, acked, last, sent].every(Number.isSafeInteger);
  return typeof pid === 'string' && areNumbers && isTicket(ticket) && (hello === undefined || isHelloNumber(hello));
}

function isTicket(value: unknown): boolean {
  if (value === undefined) return true;
  if (typeof value !== 'object' || value === null) return false;
  const { sid, rt } = value as Record<keyof Ticket, unknown>;
  return typeof sid === 'string' && typeof rt === 'string';
}
