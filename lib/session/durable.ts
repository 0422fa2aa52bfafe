import { createCommits } from './commits.js';
import { createKeeper } from './keeper.js';
import { keepTicket, recall } from './recalling.js';
import { restored } from './restored.js';
import type { Durability } from './store/durability.js';

export type { Recalled, TicketState } from './recalling.js';

/** What sessions do for stores that outlive the process, and for no others. */
export interface Durable extends Durability {
  readonly createCommits: typeof createCommits;
  readonly createKeeper: typeof createKeeper;
  readonly keepTicket: typeof keepTicket;
  readonly recall: typeof recall;
  readonly restored: typeof restored;
}

const DURABLE: Durable = { kind: 'durable', createCommits, createKeeper, keepTicket, recall, restored };

/**
 * What an `Inbox`, and an `OutboxStore` that outlives the process, bring along for the client's session as their `durability`.
 *
 * @example
 * const outbox = { ...memoryOutbox(), isDurable: true, durability: durable }; // and functions of your own, that write
 */
export const durable: Durability = DURABLE;
