import {
  defer,
  EMPTY,
  filter,
  finalize,
  firstValueFrom,
  map,
  of,
  startWith,
  Subject,
  takeWhile,
  throwIfEmpty,
  type Observable,
} from 'rxjs';
import { WireClosedError } from '../errors.js';
import { ignorable } from '../internal/ignorable.js';
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
 * @param onIgnored Called with each message that has failed, and whose promise no caller awaits.
 */
export function createReceiptTracker(
  outgoing: () => OutgoingMessages | undefined,
  isClosed: boolean,
  endCause: () => unknown,
  onIgnored: (id: string, error: unknown, isLost: boolean) => void,
) {
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
    /** Returns how many messages have a subscriber of their receipts. */
    followed: (): number => followers.size,
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
      let isLost = false;
      const end$ = follow(id).pipe(
        filter((receipt) => receipt.status === until || isEnd(receipt)),
        map((receipt) => {
          isLost = receipt.status === 'dead';
          if (receipt.error) throw receipt.error;
          return receipt;
        }),
        throwIfEmpty(() => new WireClosedError(id, endCause())),
      );
      return ignorable(firstValueFrom(end$), (error) => onIgnored(id, error, isLost));
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
