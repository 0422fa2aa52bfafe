import type { Receipt, ReceiptStatus } from '../message/receipt.js';

/** An event of a session. Messages are not events. */
export type SessionEvent =
  | { readonly kind: 'open' }
  /** The link was lost, and the other side may reconnect. */
  | { readonly kind: 'lost'; readonly error: unknown }
  /** The link was lost. The session opens it again in `delay` ms; `attempt` counts the attempts since the link last worked. */
  | { readonly kind: 'retry'; readonly attempt: number; readonly delay: number; readonly error: unknown }
  /** The other side has closed the link, as it has announced with a bye. The session opens another one in `delay` ms. */
  | { readonly kind: 'moved'; readonly closeCode: number; readonly reason: string; readonly delay: number }
  /** The last connection has ended, and the session with it. Not reported when an event of the link says so. */
  | { readonly kind: 'closed'; readonly closeCode: number; readonly reason: string }
  | { readonly kind: 'receipt'; readonly receipt: Receipt }
  /** The time from sending a message, or a ping, to its ack, in ms. */
  | { readonly kind: 'latency'; readonly latency: number }
  | { readonly kind: 'error'; readonly error: unknown }
  /** The first event, with access to the states of messages. */
  | ({ readonly kind: 'begun' } & OutgoingMessages);

/** The states of the messages that the session sends. */
export interface OutgoingMessages {
  /** Returns whether a message has no outcome yet. */
  isOpen(id: string): boolean;
  /** Returns the latest step of a message without an outcome. O(n) in the number of messages in flight. */
  stepOf(id: string): ReceiptStatus;
  /** Returns the number of messages that wait to be sent. */
  queued(): number;
  /** Returns the number of further messages that may wait. */
  room(): number;
}

/** Takes the events of a session. Must not throw. */
export type Report = (event: SessionEvent) => void;
