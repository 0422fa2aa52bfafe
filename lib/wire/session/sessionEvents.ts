import type { PendingStatus, Receipt } from '../../message/receipt.js';
import type { Message } from '../../message/types.js';

/** An event of a session. Messages are not events. */
export type SessionEvent =
  | { readonly kind: 'open' }
  /** The link was lost, and the other side may reconnect. */
  | { readonly kind: 'lost'; readonly error: unknown }
  /** The link was lost. The next `attempt` since it last worked follows in `delay` ms. */
  | { readonly kind: 'retry'; readonly attempt: number; readonly delay: number; readonly error: unknown }
  /** The other side has closed the link after a bye. Another one opens in `delay` ms. */
  | { readonly kind: 'moved'; readonly closeCode: number; readonly reason: string; readonly delay: number }
  /** The session has ended with its last connection. Not reported after an event that says so. */
  | { readonly kind: 'closed'; readonly closeCode: number; readonly reason: string }
  | { readonly kind: 'receipt'; readonly receipt: Receipt }
  /** The time from sending a message, or a ping, to its ack, in ms. */
  | { readonly kind: 'latency'; readonly latency: number }
  | { readonly kind: 'error'; readonly error: unknown }
  /** The first event, with access to the states of messages. */
  | { readonly kind: 'started'; readonly session: OutgoingMessages };

/** Messages, and their latest step. */
export type MessageStep = readonly [step: PendingStatus, messages: readonly Message[]];

/** The states of the messages that the session sends. */
export interface OutgoingMessages {
  /** The messages that have no outcome yet, by id, in the order of arrival. */
  readonly pending: Pick<ReadonlyMap<string, Message>, 'get' | 'has' | 'values' | 'size'>;
  /**
   * Returns the messages that were sent or stored, in their order, with their latest step; some may
   * have an outcome. All others are queued.
   */
  steps(): readonly MessageStep[];
  /** Returns whether a durable outbox has stored a message: its next owner sends it. @default no */
  isKept?(id: string): boolean;
  /** Returns the number of messages that wait to be sent. */
  queued(): number;
  /** Returns the number of further messages that may wait. */
  room(): number;
  /** Counts the answers that the application awaits: a completed wire waits for them, too. */
  awaitAnswer?(change: 1 | -1): void;
}

/** Takes the events of a session. Must not throw. */
export type Report = (event: SessionEvent) => void;
