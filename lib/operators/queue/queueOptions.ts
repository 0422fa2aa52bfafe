import type { Observable, SchedulerLike } from 'rxjs';
import type { DropReason } from '../../message/errors.js';
import type { OverflowPolicy } from '../buffers/priorityQueue.js';
import type { Message } from '../../message/types.js';
import type { Consumed, ConsumeOptions, HandlerWork } from '../consume/consumeOptions.js';
import type { QueueStore } from './queueStore.js';

export interface QueueOptions<T extends Message> {
  /** The maximum number of waiting messages; running ones do not count. @default 1_000 */
  readonly maxSize?: number;
  /** The maximum time that a message waits, in ms. Its own `ttl` applies too. @default 60_000 */
  readonly maxAge?: number;
  /**
   * The start of `maxAge`: the arrival of a message in the queue, or its `timestamp`, which the
   * sender has set. A timestamp in the future counts as the arrival.
   * @default 'arrival'
   */
  readonly ageFrom?: 'arrival' | 'timestamp';
  /** The order of processing: by priority, or of arrival. @default 'priority' */
  readonly order?: 'fifo' | 'priority';
  /**
   * Returns the priority of a message. The nearest `MessagePriority` counts; NORMAL if it is no
   * number. Not with `fifo`.
   * @default its `priority`
   */
  readonly priority?: (message: T) => number | undefined;
  /** The message to drop above `maxSize`; with `error`, the queue ends. @default 'drop-oldest' */
  readonly overflow?: OverflowPolicy;
  /**
   * Stores unfinished messages beyond the end of the process: `lmdbStore` of `rxwire/node`,
   * `indexedDbQueues` of `rxwire/indexeddb`.
   * @default none
   */
  readonly store?: QueueStore | undefined;
  /** The scheduler for clock and timers. @default asyncScheduler, with a monotonic clock */
  readonly scheduler?: SchedulerLike;
  /** Schedules writes: the changes of one run are written together. @default asapScheduler */
  readonly microtask?: SchedulerLike;
}

export interface ProcessOptions<T extends Message, R> extends Pick<ConsumeOptions<T, R, never>, 'retry' | 'onError' | 'deadLetter'> {
  /** Handlers that run at once: few, because only waiting messages are ordered. @default 1 */
  readonly concurrency?: number;
}

/** A message that was dropped without being processed. */
export interface QueueDrop<T extends Message> {
  readonly message: T;
  /** Dropped for another message, expired, or dropped because the queue was closed. */
  readonly reason: DropReason;
}

/** A named queue: `next` adds messages, and processors or `take` remove them. */
export interface Queue<T extends Message> {
  readonly name: string;
  /**
   * Adds a message, and never throws. A free processor may call its handler before `next` returns.
   * A stream that is subscribed to the queue does not end it.
   */
  readonly next: (message: T) => void;
  /**
   * Processes messages while it is subscribed to: the most urgent first, and in the order of
   * arrival among equals. With several processors, each message goes to one. Emits the result of
   * each message, as `consume` does. Unsubscribing puts running messages back to the front; a dead
   * letter that is being stored is stored completely.
   *
   * While `deadLetter` fails, the letter is stored again, after 100 ms, doubled up to 30 s, and
   * `errors$` reports each failure: no message behind it is lost.
   *
   * @param handler Called with each message. Its work is done when the returned Observable,
   *   promise, iterable or stream completes; at once if it returns nothing or any other value.
   * @throws {RangeError} At call time, if a number is out of range.
   * @throws {HandlerError} Delivered, when a handler has finally failed, no wire waits for the
   *   message, and there is neither `onError` nor `deadLetter`: the message is put back.
   * @throws The error of `onError`, delivered, or that of `deadLetter` in a closed queue: the
   *   message is put back.
   * @throws The error that has ended the queue, delivered: `StoreError`, `OverflowError`.
   */
  readonly process: <R>(handler: (message: T) => HandlerWork<R>, options?: ProcessOptions<T, R>) => Observable<Consumed<T, R>>;
  /**
   * Emits the next message when there is one, then completes: one message for each subscription.
   * The message counts as processed when the subscriber has received it: an error of the subscriber
   * does not put it back. Use `process` for work that must be done. Unsubscribing before that
   * leaves the message in the queue. Completes without a message when the queue is closed.
   *
   * @throws The error that has ended the queue, delivered: `StoreError`, `OverflowError`.
   */
  readonly take: () => Observable<T>;
  /** Emits the number of waiting messages: the current one, then each change. */
  readonly depth$: Observable<number>;
  /** Emits messages that were dropped. */
  readonly drops$: Observable<QueueDrop<T>>;
  /** Reports failures of the store, of dead letters without a processor, and of `priority`. */
  readonly errors$: Observable<unknown>;
  /**
   * Closes the queue: it accepts and starts no more messages. Processors complete when the running
   * handlers are done. Waiting messages stay in the store; without a store they are dropped and not
   * acked.
   */
  readonly close: () => void;
}
