import { Observable } from 'rxjs';
import { WireClosedError } from '../message/errors.js';
import { reportUnhandled } from './reportUnhandled.js';
import type { Receipt, ReceiptStatus } from '../message/receipt.js';
import type { OutgoingMessages } from './session/sessionEvents.js';

/** Messages whose last receipt is remembered: this many at least, twice as many at most. */
const MAX_ENDS = 500;

/** A wire, for the tracker of its receipts. */
export interface TrackedWire {
  readonly session: OutgoingMessages | undefined;
  /** `ignored` is called with each message that has failed, and whose promise no caller awaits. */
  readonly unseen: { ignored(id: string, error: unknown, isLost: boolean): void } | undefined;
}

/** Called with each receipt of one message; without a receipt when the wire has ended. */
type Follower = (receipt?: Receipt, isLast?: boolean) => void;

/** Passes receipts to those who follow single messages: one lookup for each receipt. */
export class ReceiptTracker {
  readonly followers = new Map<string, readonly Follower[]>();
  /** Whether receipts before the last one of a message are of use. */
  awaitsSteps = false;
  /**
   * The last receipts since the first call of `state`. A Map finds its oldest entry only slowly.
   */
  ends: Map<string, Receipt> | undefined;
  #olderEnds: Map<string, Receipt> | undefined;
  readonly #wire: TrackedWire;
  #isClosed = false;
  #cause: unknown;

  constructor(wire: TrackedWire) {
    this.#wire = wire;
  }

  next(receipt: Receipt): void {
    const { id, status, error } = receipt;
    const followers = this.followers.get(id);
    if (!followers && !this.ends) return;
    const isLast = !!error || status === 'acked' || !this.#wire.session?.pending.has(id);
    if (this.ends && isLast) {
      if (this.ends.size >= MAX_ENDS) [this.ends, this.#olderEnds] = [new Map(), this.ends];
      this.ends.set(id, receipt);
    }
    if (!followers) return;
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
      this.#follow(id, follower);
    });
    return reportUnhandled(end, (error) => this.#wire.unseen?.ignored(id, error, isLost));
  }

  state(id: string): Observable<Receipt> {
    return new Observable((to) => {
      this.ends ??= new Map();
      this.awaitsSteps = true;
      const { session } = this.#wire;
      const isPending = session?.pending.has(id);
      // O(n) in the number of messages in flight.
      const step = isPending && session?.inFlight.steps().find(([, messages]) => messages.some((message) => message.id === id));
      const current = isPending ? ({ id, status: step ? step[0] : 'queued' } as const) : (this.ends.get(id) ?? this.#olderEnds?.get(id));
      if (current) to.next(current);
      if (current && !isPending) {
        to.complete();
        return;
      }
      const follower: Follower = (receipt, isLast = true) => {
        if (receipt) to.next(receipt);
        if (isLast) to.complete();
      };
      this.#follow(id, follower);
      to.add(() => this.#leave(id, follower));
    });
  }

  #follow(id: string, follower: Follower): void {
    if (this.#isClosed) follower();
    else this.followers.set(id, [...(this.followers.get(id) ?? []), follower]);
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
