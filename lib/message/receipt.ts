/** The state of a message. `acked`, `expired` and `dead` are final; so is `sent` for at-most-once. */
export type ReceiptStatus = 'queued' | 'sent' | 'acked' | 'expired' | 'dead';

/** A step of one message. */
export interface Receipt {
  /** The id of the message. */
  readonly id: string;
  readonly status: ReceiptStatus;
  /** How often the message was sent; in the receipt of a wire, over its latest connection. */
  readonly attempts?: number;
  /** The time from first sending the message (by a wire: over its latest connection) to the ack, in ms. */
  readonly latency?: number;
  /** The reason for `dead` or `expired`. */
  readonly error?: Error;
}
