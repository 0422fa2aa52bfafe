import { createRing } from '../../internal/ring.js';
import type { Receipt } from '../../message/receipt.js';

/** A message that was sent. */
interface Sent {
  receipt: Receipt | undefined;
  /** An earlier message with the same id, which is the same message for the wire. */
  readonly twin: Sent | undefined;
}

/** Puts the last receipts of messages into the order in which the messages were sent. */
export function createReceiptOrder() {
  const sent = createRing<Sent>();
  /** The messages without a last receipt, by id. */
  const open = new Map<string, Sent>();

  return {
    isEmpty: (): boolean => sent.size === 0,
    /** Adds a message. */
    add(id: string): void {
      const one: Sent = { receipt: undefined, twin: open.get(id) };
      open.set(id, one);
      sent.push(one);
    },
    /** Whether a message has no last receipt yet. */
    isOpen: (id: string): boolean => open.has(id),
    /** Takes the last receipt of a message. */
    settle(receipt: Receipt): void {
      for (let one = open.get(receipt.id); one; one = one.twin) one.receipt = receipt;
      open.delete(receipt.id);
    },
    /** Returns the last receipt of the oldest message, if there is one. */
    peek: (): Receipt | undefined => sent.peek()?.receipt,
    /** Removes the oldest message. */
    shift: (): void => void sent.shift(),
  };
}
