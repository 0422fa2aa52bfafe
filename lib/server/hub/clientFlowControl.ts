import { defer, finalize, mergeMap, Subject, take, type Observable } from 'rxjs';
import { estimateSize } from '../../message/estimateSize.js';
import { MessageDroppedError, OverflowError, StoreError } from '../../message/errors.js';
import { asObservable, isLater, type MaybeAsync } from '../../message/maybeAsync.js';
import type { Message } from '../../message/types.js';
import type { Wire } from '../../wire/wire.js';
import { PAGE_BYTES } from '../../channels/channelRange.js';
import type { ClientTurn } from './clientTurns.js';

export type ClientFlow = ReturnType<typeof createClientFlow>;

/** The estimated size of the pages that a client may have to ack before it gets more, in bytes. */
const MAX_UNACKED = PAGE_BYTES;
/** The maximum number of joins, and of pages, of one client that are read at the same time. */
export const MAX_READS = 8;
/** The maximum size of a page that is one of several, in bytes. */
export const PART_BYTES = PAGE_BYTES / MAX_READS;
/** The room in the queue of a wire that is left for other messages. */
export const RESERVED = 2;
/** The memory that a message takes in addition to its content, in bytes. */
const OVERHEAD = 512;

/** Returns whether a message was dropped for a reason that passes, so that it is sent again. */
export const mayPass = (error: unknown): boolean =>
  error instanceof MessageDroppedError || error instanceof OverflowError || error instanceof StoreError;

/** Estimates how much memory a message takes until it is acked, in bytes. */
export const memoryOf = (message: Message): number => OVERHEAD + estimateSize(message.payload);

/**
 * Creates the flow control of the pages that one client receives, in all of its channels: the next
 * page is read when the client has acked enough of the previous ones.
 */
export function createClientFlow(wire: Wire, turn: ClientTurn) {
  let unacked = 0;
  let isAdvancing = false;
  const waiting = new Set<Subject<undefined>>();
  const isFull = (): boolean => unacked >= MAX_UNACKED;

  const release = (bytes: number): void => {
    unacked -= bytes;
    // A loop, because a page that is empty releases its place at once.
    if (isAdvancing) return;
    isAdvancing = true;
    for (const turn$ of waiting) {
      if (isFull()) break;
      waiting.delete(turn$);
      turn$.next(undefined);
    }
    isAdvancing = false;
  };
  const reserve = <T>(bytes: number, page: MaybeAsync<T>): MaybeAsync<T> => {
    if (!isLater(page)) return page;
    unacked += bytes;
    return asObservable(() => page).pipe(finalize(() => release(bytes)));
  };
  const readNow = <T>(source: (maxBytes: number) => Observable<T>): Observable<T> =>
    asObservable(() => {
      const maxBytes = unacked + waiting.size > 0 ? PART_BYTES : PAGE_BYTES;
      const page = turn(() => source(maxBytes));
      return reserve(maxBytes, page);
    });
  return {
    wire,
    turn,
    /** Returns whether the client has too much to ack to receive another page now. */
    isFull,
    /** Reserves bytes for what is read: its size is not known yet. */
    reserve,
    /**
     * Subscribes to the source when the client has acked enough.
     * @param source Gets a size in bytes.
     */
    read: <T>(source: (maxBytes: number) => Observable<T>): Observable<T> =>
      defer(() => {
        if (waiting.size === 0 && !isFull()) return readNow(source);
        const turn$ = new Subject<undefined>();
        waiting.add(turn$);
        return turn$.pipe(
          take(1),
          mergeMap(() => readNow(source)),
          finalize(() => waiting.delete(turn$)),
        );
      }),
    /** Sends the messages of a page. Resolves when the last one is acked. */
    send(messages: readonly Message[], bytes = messages.reduce((sum, message) => sum + memoryOf(message), 0)): Promise<unknown> {
      unacked += bytes;
      const last = messages.length - 1;
      messages.slice(0, last).forEach((message) => wire.next(message));
      const acked = wire.send(messages[last] as Message);
      const done = (): void => release(bytes);
      acked.then(done, done);
      return acked;
    },
  };
}
