import { defer, finalize, mergeMap, Subject, take, type Observable, type SchedulerLike } from 'rxjs';
import { createCoalescedTimer } from '../../operators/timing/coalescedTimer.js';
import { estimateSize } from '../../message/estimateSize.js';
import { asObservable, isLater, type MaybeAsync } from '../../message/maybeAsync.js';
import type { Message } from '../../message/types.js';
import type { Wire } from '../../wire/wire.js';
import { PAGE_BYTES } from './channelRange.js';

/**
 * The flow control of one client: of the pages of history and the lists of members that it
 * receives. The next page is read when the client has acked enough of the previous ones. So a
 * client that requests much takes the memory of a few pages, however many channels it reads.
 */
export interface ClientFlow {
  readonly wire: Wire;
  readonly turn: ClientTurn;
  /** Returns whether the client has too much to ack to receive another page now. */
  readonly isFull: () => boolean;
  /** Reserves bytes for what is read: its size is not known yet. */
  readonly reserve: <T>(bytes: number, page: MaybeAsync<T>) => MaybeAsync<T>;
  /**
   * Subscribes to the source as soon as the client has acked enough. Those that wait follow in
   * order. Unsubscribing gives up the place.
   *
   * @param source Receives the maximum size of the page, in bytes: that of one of several, unless
   *   nothing else is read.
   */
  readonly read: <T>(source: (maxBytes: number) => Observable<T>) => Observable<T>;
  /**
   * Sends the messages of a page. Resolves when the client has acked the last one.
   *
   * @param bytes The size of the page. @default that of the messages
   */
  readonly send: (messages: readonly Message[], bytes?: number) => Promise<unknown>;
}

/** The estimated size of the pages that a client may have to ack before it gets more, in bytes. */
const MAX_UNACKED = PAGE_BYTES;
/** The maximum number of joins, and of pages, of one client that are read at the same time. */
export const MAX_READS = 8;
/** The maximum size of a page that is one of several, in bytes. */
export const PART_BYTES = PAGE_BYTES / MAX_READS;
/** The memory that a message takes in addition to its content, in bytes. */
const OVERHEAD = 512;

/** Estimates how much memory a message takes until it is acked, in bytes. */
export const weightOf = (message: Message): number => OVERHEAD + estimateSize(message.payload);

export function createClientFlow(wire: Wire, turn: ClientTurn): ClientFlow {
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
    isFull,
    reserve,
    read: (source) =>
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

/** Runs the work of one client: now, or in a later turn of the event loop. */
export type ClientTurn = <T>(work: () => MaybeAsync<T>) => MaybeAsync<T>;

/** How long the work of one client may take in one turn of the event loop, in ms. */
const MAX_TIME = 6;
/** The time after which the hub finds out whether it is another turn, in ms. */
const MIN_TIME = MAX_TIME / 2;
/**
 * The time between two turns of clients whose work takes longer, in ms: together they take a
 * quarter of the time.
 */
const PAUSE = 3 * MAX_TIME;

/**
 * Divides the work of clients among turns of the event loop: a client may send hundreds of requests
 * in one frame, and the other clients do not wait for all of them. The clients whose work takes
 * longer continue one after the other.
 *
 * @returns A function that creates the turns of one client.
 */
export function createClientTurns(scheduler: SchedulerLike): () => ClientTurn {
  /** The number of the turn, as far as it matters. */
  let current = 0;
  const waiting = new Set<Subject<undefined>>();
  const nextTurn = createCoalescedTimer(scheduler, () => current++);
  const nextClient = createCoalescedTimer(scheduler, () => {
    const [turn$] = waiting;
    if (!turn$) return;
    waiting.delete(turn$);
    if (waiting.size > 0) nextClient.set(PAUSE);
    turn$.next(undefined);
  });

  return () => {
    let [turn, begun, last] = [0, -Infinity, -Infinity];
    const begin = (now: number): void => {
      turn = current;
      begun = now;
    };
    return (work) => {
      const now = scheduler.now();
      if (turn !== current || now - last >= MIN_TIME) begin(now);
      last = now;
      if (now - begun < MIN_TIME) return work();
      nextTurn.set(0);
      if (now - begun < MAX_TIME) return work();
      const turn$ = new Subject<undefined>();
      waiting.add(turn$);
      nextClient.set(PAUSE);
      return turn$.pipe(
        take(1),
        mergeMap(() => {
          begin((last = scheduler.now()));
          return asObservable(work);
        }),
      );
    };
  };
}
