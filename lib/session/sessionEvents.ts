import type { Receipt } from '../message/receipt.js';

/** What a session tells whoever watches it; messages themselves are not among it. */
export type SessionEvent =
  | { readonly kind: 'open' }
  /** The link was lost, and the other side may come back. */
  | { readonly kind: 'lost'; readonly error: unknown }
  /** The link was lost; `delay` ms from now it is opened again, for the `attempt`th time since it last worked. */
  | { readonly kind: 'retry'; readonly attempt: number; readonly delay: number; readonly error: unknown }
  | { readonly kind: 'receipt'; readonly receipt: Receipt }
  /** From sending to ack, in ms, of what was acked just now. */
  | { readonly kind: 'latency'; readonly latency: number }
  | { readonly kind: 'error'; readonly error: unknown }
  /** First of all: how to see where a message is. */
  | ({ readonly kind: 'begun' } & OutgoingMessages);

/** What a session knows of the messages that are given to it. */
export interface OutgoingMessages {
  /** Whether it is not done yet. */
  isOpen(id: string): boolean;
  /** Of one that is not done: whether it has been sent. Looks at each that has. */
  isSent(id: string): boolean;
}

/** Takes the events of a session. Must not throw. */
export type Report = (event: SessionEvent) => void;
