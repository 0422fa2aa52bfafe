import type { Ticket } from '../session/store/outboxStore.js';

/** What an outbox knows of itself. */
export interface Head {
  readonly pid: string;
  readonly epoch: number;
  readonly acked: number;
  /** The highest number that was given. */
  readonly last: number;
  readonly ticket?: Ticket | undefined;
  /** When it was used last. */
  readonly at: number;
}

/** Whether a stored value was written by an outbox. */
export function isHead(value: unknown): value is Head {
  if (typeof value !== 'object' || value === null) return false;
  const { pid, epoch, acked, last, ticket, at } = value as Record<keyof Head, unknown>;
  return typeof pid === 'string' && [epoch, acked, last].every(Number.isSafeInteger) && typeof at === 'number' && isTicket(ticket);
}

function isTicket(value: unknown): boolean {
  if (value === undefined) return true;
  if (typeof value !== 'object' || value === null) return false;
  const { sid, rt } = value as Record<keyof Ticket, unknown>;
  return typeof sid === 'string' && typeof rt === 'string';
}
