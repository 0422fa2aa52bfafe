import { clientStores } from './clientStores.js';
import type { Durability } from './store/outboxStore.js';

/** The function that a session needs only for persistent stores. */
export interface Durable extends Durability {
  readonly clientStores: typeof clientStores;
}

const DURABLE: Durable = { kind: 'durable', clientStores };

/**
 * The `durability` of an `Inbox`, and of a persistent `OutboxStore`: the code that the client's
 * session needs for them.
 *
 * @example
 * import { durable, memoryOutbox } from 'rxwire';
 *
 * const outbox = { ...memoryOutbox(), isDurable: true, durability: durable }; // and functions of your own, that write
 */
export const durable: Durability = DURABLE;
