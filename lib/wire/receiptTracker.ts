import {
  defer,
  EMPTY,
  filter,
  finalize,
  firstValueFrom,
  map,
  noop,
  of,
  startWith,
  Subject,
  takeWhile,
  throwIfEmpty,
  type Observable,
} from 'rxjs';
import { WireClosedError } from '../errors.js';
import type { Receipt, ReceiptStatus } from '../message/receipt.js';
import type { OutgoingMessages } from '../session/sessionEvents.js';

/** Messages whose last receipt is remembered: this many at least, twice as many at most. */
const MAX_ENDS = 500;

export type ReceiptTracker = ReturnType<typeof createReceiptTracker>;

/**
 * Creates the tracker of a wire, which passes receipts to the subscribers of single messages: one
 * lookup in a map for each receipt.
 *
 * @param outgoing Returns the messages of the session, once there is one.
 * @param isClosed Whether the wire has ended already.
 * @param endCause Returns the error that has ended the wire.
 */
export function createReceiptTracker(outgoing: () => OutgoingMessages | undefined, isClosed: boolean, endCause: () => unknown) {
  const followers = new Map<string, Subject<Receipt>>();
  /**
   * The last receipts of the latest messages, from the first call of `state` on. The older half is
   * dropped at once: a Map finds its oldest entry only slowly.
   */
  let ends: Map<string, Receipt> | undefined;
  let olderEnds: Map<string, Receipt> | undefined;

  const isEnd = ({ id, status, error }: Receipt): boolean => !!error || status === 'acked' || !outgoing()?.pending.has(id);
  /** Emits the receipts of a message from now on, up to the last one. */
  const follow = (id: string): Observable<Receipt> =>
    defer(() => {
      if (isClosed) return EMPTY;
      const follower = followers.get(id) ?? new Subject<Receipt>();
      followers.set(id, follower);
      return follower.pipe(
        takeWhile((receipt) => !isEnd(receipt), true),
        finalize(() => follower.observed || followers.delete(id)),
      );
    });

  return {
    isWatched: (): boolean => followers.size > 0 || ends !== undefined,
    /** Returns whether the receipts of one message have a subscriber. */
    isFollowed: (id: string): boolean => followers.has(id),
    next(receipt: Receipt): void {
      if (ends && isEnd(receipt)) {
        if (ends.size >= MAX_ENDS) [ends, olderEnds] = [new Map(), ends];
        ends.set(receipt.id, receipt);
      }
      followers.get(receipt.id)?.next(receipt);
    },
    /**
     * Resolves with the receipt of this status, or else with the last receipt of a message. Rejects
     * with its error.
     */
    end(id: string, until: ReceiptStatus): Promise<Receipt> {
      const end$ = follow(id).pipe(
        filter((receipt) => receipt.status === until || isEnd(receipt)),
        map(succeeded),
        throwIfEmpty(() => new WireClosedError(id, endCause())),
      );
      const promise = firstValueFrom(end$);
      // The error is in `errors$` as well. A caller that ignores the promise must not end the
      // process by an unhandled rejection.
      promise.catch(noop);
      return promise;
    },
    /** Emits the state of a message, and then its receipts. */
    state: (id: string): Observable<Receipt> =>
      defer(() => {
        ends ??= new Map();
        const session = outgoing();
        if (session?.pending.has(id)) {
          // O(n) in the number of messages in flight.
          const [status] = session.inFlight.steps().find(([, messages]) => messages.some((message) => message.id === id)) ?? ['queued'];
          return follow(id).pipe(startWith<Receipt>({ id, status }));
        }
        const end = ends.get(id) ?? olderEnds?.get(id);
        return end ? of(end) : follow(id);
      }),
    /** Completes all: there are no more receipts. */
    close(): void {
      isClosed = true;
      for (const follower of followers.values()) follower.complete();
    },
  };
}

function succeeded(receipt: Receipt): Receipt {
  if (receipt.error) throw receipt.error;
  return receipt;
}
