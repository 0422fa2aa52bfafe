import { append } from './append.js';
import { createCommits } from './commits.js';
import { idsKept, keepTicket, recall } from './recalling.js';
import { restored } from './restored.js';
import type { Durability } from './store/durability.js';
import { watch } from './watch.js';

export type { Recalled, TicketState } from './recalling.js';

/** What sessions do for stores that outlive the process, and for no others. */
export interface Durable extends Durability {
  readonly append: typeof append;
  readonly createCommits: typeof createCommits;
  readonly idsKept: typeof idsKept;
  readonly keepTicket: typeof keepTicket;
  readonly recall: typeof recall;
  readonly restored: typeof restored;
  readonly watch: typeof watch;
}

const DURABLE: Durable = { kind: 'durable', append, createCommits, idsKept, keepTicket, recall, restored, watch };

/**
 * What an `Inbox`, and an `OutboxStore` that outlives the process, bring along for the client's session as their `durability`.
 *
 * @example
 * const outbox = { ...memoryOutbox(), isDurable: true, durability: durable }; // and functions of your own, that write
 */
export const durable: Durability = DURABLE;
