import { defer, finalize, mergeMap, Subject, take, type Observable } from 'rxjs';
import { estimateSize } from '../../internal/estimateSize.js';
import { asObservable } from '../../internal/maybeAsync.js';
import type { Message } from '../../message/types.js';
import type { Wire } from '../../wire/wire.js';
import { PAGE_BYTES } from './channelRange.js';
import type { ClientTurn } from './clientTurns.js';

/** The part of a wire that a reader of a channel needs. */
export type Receiver = Pick<Wire, 'next' | 'send' | 'queued' | 'room'>;

/**
 * The flow control of one client: of the pages of history and the lists of members that it
 * receives. The next page is read when the client has acked enough of the previous ones. So a
 * client that requests much takes the memory of a few pages, however many channels it reads.
 */
export interface PageFlow {
  readonly wire: Receiver;
  /** Returns whether the client has too much to ack to receive another page now. */
  readonly isFull: () => boolean;
  /**
   * Subscribes to the source as soon as the client has acked enough. Those that wait follow in
   * order. Unsubscribing gives up the place.
   */
  readonly read: <T>(source$: Observable<T>) => Observable<T>;
  /**
   * Sends the messages of a page. Resolves when the client has acked the last one.
   *
   * @param bytes The size of the page. @default that of the messages
   */
  readonly send: (messages: readonly Message[], bytes?: number) => Promise<unknown>;
}

/** The estimated size of the pages that a client may have to ack before it gets more, in bytes. */
const MAX_UNACKED = PAGE_BYTES;
/** What a message takes in memory in addition to its content, in bytes. */
const OVERHEAD = 512;

/** Estimates how much memory a message takes until it is acked, in bytes. */
export const weightOf = (message: Message): number => OVERHEAD + estimateSize(message.payload);

export function createPageFlow(wire: Wire, turn: ClientTurn): PageFlow {
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
  /** Reserves the size of a page, which is not known yet. */
  const hold = <T>(source$: Observable<T>): Observable<T> =>
    defer(() => {
      unacked += PAGE_BYTES;
      return asObservable(() => turn(() => source$)).pipe(finalize(() => release(PAGE_BYTES)));
    });
  return {
    wire,
    isFull,
    read: (source$) =>
      defer(() => {
        if (waiting.size === 0 && !isFull()) return hold(source$);
        const turn$ = new Subject<undefined>();
        waiting.add(turn$);
        return turn$.pipe(
          take(1),
          mergeMap(() => hold(source$)),
          finalize(() => waiting.delete(turn$)),
        );
      }),
    send(messages, bytes = messages.reduce((sum, message) => sum + weightOf(message), 0)) {
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
