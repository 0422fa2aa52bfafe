import type { Observable, SchedulerLike } from 'rxjs';
import type { DropReason } from '../../errors.js';
import type { OverflowPolicy } from '../../internal/priorityQueue.js';
import type { Message } from '../../message/types.js';
import type { Consumed, ConsumeOptions, HandlerWork } from '../../session/consume/consumeOptions.js';
import type { QueueStore } from './queueStore.js';

export interface QueueOptions<T extends Message> {
  /** Messages that wait at most; what runs does not count. @default 1_000 */
  readonly maxSize?: number;
  /** How long a message waits at most, in ms. Its own `ttl` counts as well. @default 60_000 */
  readonly maxAge?: number;
  /** How urgent a message is: the nearest of `MessagePriority` counts, or NORMAL if it is no number. @default its field `priority` */
  readonly priority?: (message: T) => number | undefined;
  /** What gives way when one more than `maxSize` would wait; with `error`, the queue ends. @default 'drop-oldest' */
  readonly overflow?: OverflowPolicy;
  /** Where what is not finished outlives the process: `lmdbStore` of `rxwire/node`, `indexedDbQueues` of `rxwire/indexeddb`. @default none */
  readonly store?: QueueStore | undefined;
  /** Where the time comes from. @default asyncScheduler */
  readonly scheduler?: SchedulerLike;
  /** When what came together is written together. @default asapScheduler */
  readonly microtask?: SchedulerLike;
}

export interface ProcessOptions<T extends Message, R> extends Pick<ConsumeOptions<T, R, never>, 'retry' | 'deadLetter'> {
  /** Handlers that run at once. Priorities order only what has to wait, so keep it low. @default 1 */
  readonly concurrency?: number;
}

/** A message that was never processed. */
export interface QueueDrop<T extends Message> {
  readonly message: T;
  /** It gave way to another, has waited for too long, or the queue was closed. */
  readonly reason: DropReason;
}

/** A named queue: messages go in on one side, and processors take them out on the other. */
export interface Queue<T extends Message> {
  readonly name: string;
  /** Takes a message: so a queue can be subscribed to a stream, whose end is not its end. It never throws. */
  readonly next: (message: T) => void;
  /**
   * Processes messages for as long as it is subscribed to: the most urgent first, and in the order of coming among equals. There may be several; each
   * message goes to one. Emits what became of each, as `consume` does. What is running when it is unsubscribed is put back, to the front; but a dead
   * letter that is being kept is kept to its end.
   *
   * @param handler Called with each message. Its work is done when what it returns completes, or at once.
   * @throws {RangeError} At call time, if a number is out of range.
   * @throws What `deadLetter` throws, delivered: the message is put back.
   * @throws What has ended the queue, delivered: `StoreError`, `OverflowError`.
   */
  readonly process: <R>(handler: (message: T) => HandlerWork<R>, options?: ProcessOptions<T, R>) => Observable<Consumed<T, R>>;
  /** How many messages wait: now, and whenever that changes. */
  readonly depth$: Observable<number>;
  /** Messages that were dropped, as that happens. */
  readonly drops$: Observable<QueueDrop<T>>;
  /** What went wrong: with the store, or with dead letters whose processor has left; and what `priority` has thrown. */
  readonly errors$: Observable<unknown>;
  /**
   * Ends it: nothing more is taken, nothing more starts. Processors complete when what runs is done. What waits stays in the store; without one it is
   * dropped, and not acked.
   */
  readonly close: () => void;
}
