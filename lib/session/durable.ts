import { createCommits } from './commits.js';
import { restored } from './restored.js';
import type { Durability } from './store/durability.js';

/** What sessions do for stores that outlive the process, and for no others. */
export interface Durable extends Durability {
  readonly createCommits: typeof createCommits;
  readonly restored: typeof restored;
}

const DURABLE: Durable = { kind: 'durable', createCommits, restored };

/**
 * What an `Inbox`, and an `OutboxStore` that outlives the process, bring along for the client's session as their `durability`.
 *
 * @example
 * const outbox = { ...memoryOutbox(), isDurable: true, durability: durable }; // and functions of your own, that write
 */
export const durable: Durability = DURABLE;
