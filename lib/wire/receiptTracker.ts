import { WireClosedError } from '../message/errors.js';
import type { Receipt, ReceiptStatus } from '../message/receipt.js';
import { reportUnhandled } from './reportUnhandled.js';

/** A wire, for the tracker of its receipts. */
export interface TrackedWire {
  readonly session: { readonly pending: { has(id: string): boolean } } | undefined;
  /** `ignored` is called with each message that has failed, and whose promise no caller awaits. */
  readonly unseen: { ignored(id: string, error: unknown, isLost: boolean): void } | undefined;
}

/** Called with each receipt of one message; without a receipt when the wire has ended. */
type Follower = (receipt?: Receipt, isLast?: boolean) => void;

/** Passes receipts to the callers of `send`: one lookup for each receipt. */
export class ReceiptTracker {
  readonly followers = new Map<string, readonly Follower[]>();
  /** Whether receipts before the last one of a message are of use. */
  awaitsSteps = false;
  readonly #wire: TrackedWire;
  #isClosed = false;
  #cause: unknown;

  constructor(wire: TrackedWire) {
    this.#wire = wire;
  }

  next(receipt: Receipt): void {
    const { id, status, error } = receipt;
    const followers = this.followers.get(id);
    if (!followers) return;
    const isLast = !!error || status === 'acked' || !this.#wire.session?.pending.has(id);
    if (isLast) this.followers.delete(id);
    for (const follower of followers) follower(receipt, isLast);
  }

  /** Resolves with the receipt of this status, or with the last one. Rejects with its error. */
  end(id: string, until: ReceiptStatus): Promise<Receipt> {
    let isLost = false;
    const end = new Promise<Receipt>((resolve, reject) => {
      const follower: Follower = (receipt, isLast) => {
        if (!receipt) reject(new WireClosedError(id, this.#cause));
        else if (isLast || receipt.status === until) {
          if (!isLast) this.#leave(id, follower);
          isLost = receipt.status === 'dead';
          if (receipt.error) reject(receipt.error);
          else resolve(receipt);
        }
      };
      this.awaitsSteps ||= until !== 'acked';
      if (this.#isClosed) follower();
      else this.followers.set(id, [...(this.followers.get(id) ?? []), follower]);
    });
    return reportUnhandled(end, (error) => this.#wire.unseen?.ignored(id, error, isLost));
  }
  #leave(id: string, follower: Follower): void {
    const left = this.followers.get(id)?.filter((other) => other !== follower) ?? [];
    if (left.length > 0) this.followers.set(id, left);
    else this.followers.delete(id);
  }

  /** There are no more receipts. @param cause The error that has ended the wire. */
  close(cause: unknown): void {
    this.#isClosed = true;
    this.#cause = cause;
    const all = [...this.followers.values()].flat();
    this.followers.clear();
    for (const follower of all) follower();
  }
}
