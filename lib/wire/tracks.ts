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
import type { Receipt } from '../message/receipt.js';
import type { OutgoingMessages } from '../session/sessionEvents.js';

/** Messages whose end is remembered: this many at least, twice as many at most. */
const MAX_ENDS = 500;

export type Tracks = ReturnType<typeof createTracks>;

/**
 * Who wants to know what becomes of a message, by its id: one look into a map for each receipt, however many do.
 *
 * @param outgoing What knows the messages, once there is a session.
 * @param isClosed Whether the wire has ended already.
 */
export function createTracks(outgoing: () => OutgoingMessages | undefined, isClosed: boolean) {
  const tracks = new Map<string, Subject<Receipt>>();
  /** The last receipts of the latest messages, from when somebody has asked. The older half goes at once: a Map gives its oldest entry only slowly. */
  let ends: Map<string, Receipt> | undefined;
  let olderEnds: Map<string, Receipt> | undefined;

  const isEnd = ({ id, status, error }: Receipt): boolean => !!error || status === 'acked' || !outgoing()?.isOpen(id);
  /** What becomes of it from now on, up to its end. */
  const follow = (id: string): Observable<Receipt> =>
    defer(() => {
      if (isClosed) return EMPTY;
      const track = tracks.get(id) ?? new Subject<Receipt>();
      tracks.set(id, track);
      return track.pipe(
        takeWhile((receipt) => !isEnd(receipt), true),
        finalize(() => track.observed || tracks.delete(id)),
      );
    });

  return {
    isWatched: (): boolean => tracks.size > 0 || ends !== undefined,
    next(receipt: Receipt): void {
      if (ends && isEnd(receipt)) {
        if (ends.size >= MAX_ENDS) [ends, olderEnds] = [new Map(), ends];
        ends.set(receipt.id, receipt);
      }
      tracks.get(receipt.id)?.next(receipt);
    },
    /** How it ends. Rejects with why it did not go well. */
    end(id: string): Promise<Receipt> {
      const end$ = follow(id).pipe(
        filter(isEnd),
        map(succeeded),
        throwIfEmpty(() => new WireClosedError(id)),
      );
      const promise = firstValueFrom(end$);
      // Who does not wait for it has `errors$`: an unhandled rejection would end the process.
      promise.catch(noop);
      return promise;
    },
    state: (id: string): Observable<Receipt> =>
      defer(() => {
        ends ??= new Map();
        const session = outgoing();
        if (session?.isOpen(id)) return follow(id).pipe(startWith<Receipt>({ id, status: session.isSent(id) ? 'sent' : 'queued' }));
        const end = ends.get(id) ?? olderEnds?.get(id);
        return end ? of(end) : follow(id);
      }),
    /** Nothing becomes of the others any more. */
    close(): void {
      isClosed = true;
      for (const track of tracks.values()) track.complete();
    },
  };
}

function succeeded(receipt: Receipt): Receipt {
  if (receipt.error) throw receipt.error;
  return receipt;
}
