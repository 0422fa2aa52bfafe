/**
 * The state of a message. `stored`: a durable outbox keeps the message, also if the process ends
 * now; other outboxes do not report this. `acked`, `refused`, `expired` and `dead` are final; so is
 * `sent` for at-most-once.
 */
export type ReceiptStatus = 'queued' | 'stored' | 'sent' | 'acked' | 'refused' | 'expired' | 'dead';

/** The steps of a message that has no outcome yet. */
export type PendingStatus = Extract<ReceiptStatus, 'queued' | 'stored' | 'sent'>;

/** A step of one message. */
export interface Receipt {
  /** The id of the message. */
  readonly id: string;
  readonly status: ReceiptStatus;
  /** How often the message was sent; in the receipt of a wire, over its latest connection. */
  readonly attempts?: number;
  /**
   * The time from first sending the message (by a wire: over its latest connection) to the ack, in
   * ms.
   */
  readonly latency?: number;
  /**
   * For `acked`: the receiver has processed the message, or has stored it as a dead letter because
   * its handler has finally failed. Absent when the receiver does not report outcomes.
   */
  readonly outcome?: 'processed' | 'dead-lettered';
  /** The reason for `refused`, `dead` or `expired`. */
  readonly error?: Error;
}

/**
 * Returns whether a receipt is the last one of its message.
 *
 * @param wire The wire of the receipt: a message that is sent without acks is not pending.
 */
export function isFinal({ id, status }: Receipt, wire: { isPending(id: string): boolean }): boolean {
  return status === 'sent' ? !wire.isPending(id) : status !== 'queued' && status !== 'stored';
}
