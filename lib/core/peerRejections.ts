import { GAP } from '../message/closeCode.js';
import { Violation } from './frameFormat.js';
import type { NumberedRejection } from './rejection.js';

/**
 * The rejections of the other side (protocol, "Rejections"). They settle nothing: the ack of their
 * numbers does.
 */
export class PeerRejections {
  /** Undefined if none has ever arrived. */
  byNumber: Map<number, NumberedRejection> | undefined;
  /** How many have arrived over this connection. */
  count = 0;

  /** Begins a connection. */
  attach(): void {
    this.count = 0;
  }
  /** Begins with other numbers. */
  clear(): void {
    this.byNumber = undefined;
  }
  /**
   * Takes rejections of numbers that are sent and not acked; the first one of a number counts.
   *
   * @param before How many the other side had sent before these.
   */
  add(rejections: readonly NumberedRejection[], before: number, acked: number, sent: number): void {
    if (before > this.count) throw new Violation(GAP, 'rejections are missing');
    this.count = Math.max(this.count, before + rejections.length);
    for (const rejection of rejections) {
      const { number } = rejection;
      if (number > acked && number <= sent && !this.byNumber?.has(number)) (this.byNumber ??= new Map()).set(number, rejection);
    }
  }
  of(number: number): NumberedRejection | undefined {
    return this.byNumber?.get(number);
  }
  /** An ack says how many went before it. */
  check(count: number): void {
    if (count > this.count) throw new Violation(GAP, 'rejections are missing');
  }
  /** Forgets the numbers that are acked. */
  forget(done: number): void {
    if (this.byNumber) for (const number of this.byNumber.keys()) if (number <= done) this.byNumber.delete(number);
  }
}
