import { createInboxCommitter } from './receive/inboxCommitter.js';
import { keepTicket, recall, restoreBatches } from './send/outboxRestore.js';
import { createOutboxWriter } from './send/outboxWriter.js';
import { outboxCalls } from './store/outboxCalls.js';
import type { Durability } from './store/outboxStore.js';

export type { Recalled, TicketState } from './send/outboxRestore.js';

/** The functions that a session needs only for persistent stores. */
export interface Durable extends Durability {
  readonly createInboxCommitter: typeof createInboxCommitter;
  readonly createOutboxWriter: typeof createOutboxWriter;
  readonly keepTicket: typeof keepTicket;
  readonly outboxCalls: typeof outboxCalls;
  readonly recall: typeof recall;
  readonly restoreBatches: typeof restoreBatches;
}

const DURABLE: Durable = { kind: 'durable', createInboxCommitter, createOutboxWriter, keepTicket, outboxCalls, recall, restoreBatches };

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
