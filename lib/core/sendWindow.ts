/** How much may be in flight to the other side (protocol, section 5, rule 6). */
export class SendWindow {
  /**
   * The messages, and the size of their frames, that may be in flight, whatever the other side
   * grants: they are kept until they are acked.
   */
  maxMessages = 10_000;
  maxBytes = 16_777_216;
  /** Numbers up to this one may be sent. */
  limit = 0;
  #acked = 0;
  #inFlight = 0;
  #maxInFlight = 0;

  /** Obeys the limits of an outbox. */
  keepAtMost({ maxMessages, maxBytes }: { readonly maxMessages: number; readonly maxBytes: number }): void {
    this.maxMessages = maxMessages;
    this.maxBytes = maxBytes;
  }
  /** Begins a connection, over which nothing is in flight yet. */
  open(acked: number, credit: number, bytes: number): void {
    this.#inFlight = 0;
    this.#maxInFlight = Math.min(this.maxBytes, bytes);
    this.acked(acked, credit);
  }
  /** Takes an ack. */
  acked(done: number, credit: number): void {
    this.#acked = done;
    this.limit = done + Math.min(this.maxMessages, credit);
  }
  /** A batch of this size is sent. */
  took(size: number): void {
    this.#inFlight += size;
  }
  /** A batch of this size is acked wholly. */
  settled(size: number): void {
    this.#inFlight -= size;
  }
  hasRoom(last: number, size: number): boolean {
    return last <= this.limit && this.#inFlight + size <= this.#maxInFlight;
  }
  /** The numbers that may be sent behind the last ack. */
  get credit(): number {
    return Math.max(0, this.limit - this.#acked);
  }
  /** Whether more than a quarter of the window is in use. */
  isLoaded(tail: number): boolean {
    return 4 * (tail - this.#acked) > this.limit - this.#acked || 4 * this.#inFlight > this.#maxInFlight;
  }
}
