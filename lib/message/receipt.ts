/** Where a message is: `acked`, `expired` and `dead` are final, as is `sent` where the delivery is at-most-once. */
export type ReceiptStatus = 'queued' | 'sent' | 'acked' | 'expired' | 'dead';

/** What has become of one message. */
export interface Receipt {
  /** The message's. */
  readonly id: string;
  readonly status: ReceiptStatus;
  /** How often it was sent; in the receipt of a wire, over its latest connection. */
  readonly attempts?: number;
  /** From first sending (by a wire: over its latest connection) to the ack, in ms. */
  readonly latency?: number;
  /** Why it is `dead` or `expired`. */
  readonly error?: Error;
}
