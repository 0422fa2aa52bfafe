import { defer, Observable, of, type Subscriber } from 'rxjs';
import { WireClosedError } from '../errors.js';
import { ignorable } from '../internal/ignorable.js';
import type { Receipt, ReceiptStatus } from '../message/receipt.js';
import type { OutgoingMessages } from '../session/sessionEvents.js';

/** Messages whose last receipt is remembered: this many at least, twice as many at most. */
const MAX_ENDS = 500;

/** A wire, for the tracker of its receipts. */
export interface TrackedWire {
  /** Returns the messages of the session, once there is one. */
  session(): OutgoingMessages | undefined;
  /** Whether the wire has ended already. */
  readonly isClosed: boolean;
  /** The error that has ended the wire. */
  endCause(): unknown;
  /** Called with each message that has failed, and whose promise no caller awaits. */
  ignored(id: string, error: unknown, isLost: boolean): void;
}

/** A caller that waits for the receipts of one message. */
interface Follower {
  next(receipt: Receipt, isLast: boolean): void;
  /** There are no more receipts. */
  close(): void;
}

/** Passes receipts to those who follow single messages: one lookup for each receipt. */
export class ReceiptTracker {
  readonly #wire: TrackedWire;
  readonly #followers = new Map<string, Follower[]>();
  #isClosed: boolean;
  /**
   * The last receipts of the latest messages, from the first call of `state` on. The older half is
   * dropped at once: a Map finds its oldest entry only slowly.
   */
  #ends: Map<string, Receipt> | undefined;
  #olderEnds: Map<string, Receipt> | undefined;

  constructor(wire: TrackedWire) {
    this.#wire = wire;
    this.#isClosed = wire.isClosed;
  }

  /** Whether receipts are of use. */
  get isWatched(): boolean {
    return this.#followers.size > 0 || this.#ends !== undefined;
  }
  /** Whether receipts before the last one of a message are of use. */
  followsSteps = false;
  /** How many messages have a follower. */
  get followed(): number {
    return this.#followers.size;
  }
  isFollowed(id: string): boolean {
    return this.#followers.has(id);
  }

  next(receipt: Receipt): void {
    const { id, status, error } = receipt;
    const followers = this.#followers.get(id);
    if (!followers && !this.#ends) return;
    const isLast = !!error || status === 'acked' || this.#wire.session()?.pending.has(id) !== true;
    if (this.#ends && isLast) {
      if (this.#ends.size >= MAX_ENDS) [this.#ends, this.#olderEnds] = [new Map(), this.#ends];
      this.#ends.set(id, receipt);
    }
    if (!followers) return;
    if (isLast) this.#followers.delete(id);
    // A follower may leave meanwhile.
    for (const follower of [...followers]) follower.next(receipt, isLast);
  }

  /**
   * Resolves with the receipt of this status, or else with the last receipt of a message. Rejects
   * with its error.
   */
  end(id: string, until: ReceiptStatus): Promise<Receipt> {
    let isLost = false;
    const end = new Promise<Receipt>((resolve, reject) => {
      const close = (): void => reject(new WireClosedError(id, this.#wire.endCause()));
      if (this.#isClosed) {
        close();
        return;
      }
      const follower: Follower = {
        next: (receipt, isLast) => {
          if (!isLast && receipt.status !== until) return;
          if (!isLast) this.#leave(id, follower);
          isLost = receipt.status === 'dead';
          if (receipt.error) reject(receipt.error);
          else resolve(receipt);
        },
        close,
      };
      this.#follow(id, follower);
      this.followsSteps ||= until !== 'acked';
    });
    return ignorable(end, (error) => this.#wire.ignored(id, error, isLost));
  }

  /** Emits the state of a message, and then its receipts. */
  state(id: string): Observable<Receipt> {
    return defer(() => {
      this.#ends ??= new Map();
      this.followsSteps = true;
      const session = this.#wire.session();
      const last = this.#ends.get(id) ?? this.#olderEnds?.get(id);
      if (!session?.pending.has(id)) return last ? of(last) : new Observable<Receipt>((to) => this.#followBy(to, id));
      // O(n) in the number of messages in flight.
      const [status] = session.inFlight.steps().find(([, messages]) => messages.some((message) => message.id === id)) ?? ['queued'];
      return new Observable<Receipt>((to) => {
        to.next({ id, status });
        this.#followBy(to, id);
      });
    });
  }
  #followBy(to: Subscriber<Receipt>, id: string): void {
    if (this.#isClosed) {
      to.complete();
      return;
    }
    const follower: Follower = {
      next(receipt, isLast) {
        to.next(receipt);
        if (isLast) to.complete();
      },
      close: () => to.complete(),
    };
    this.#follow(id, follower);
    to.add(() => this.#leave(id, follower));
  }

  #follow(id: string, follower: Follower): void {
    const followers = this.#followers.get(id);
    if (followers) followers.push(follower);
    else this.#followers.set(id, [follower]);
  }
  #leave(id: string, follower: Follower): void {
    const left = this.#followers.get(id)?.filter((other) => other !== follower) ?? [];
    if (left.length > 0) this.#followers.set(id, left);
    else this.#followers.delete(id);
  }

  /** There are no more receipts. */
  close(): void {
    this.#isClosed = true;
    const all = [...this.#followers.values()].flat();
    this.#followers.clear();
    for (const follower of all) follower.close();
  }
}
