/** The application, as far as it waits for what becomes of its messages. */
export interface ReceiptInterest {
  /** Returns whether the application waits for acks. */
  awaitsAcks(): boolean;
  /** Returns whether it waits for earlier steps of its messages, too. */
  awaitsSteps(): boolean;
}
