import type { ObservableInput, SchedulerLike } from 'rxjs';
import type { RxwireError } from '../../message/errors.js';
import { type RetryBackoffConfig } from '../retryBackoff.js';
import type { DeadLetter } from '../../stores/deadLetterStore.js';

/**
 * The result of a callback. Its work is done when the returned Observable, promise, iterable or
 * stream completes; at once, if the callback returns any other value or nothing.
 */
export type HandlerWork<R> = ObservableInput<R> | R;

export interface ConsumeOptions<T, R, Tx> {
  /** Handlers that run at once. Only with 1 they also finish in order. @default 1 */
  readonly concurrency?: number;
  /**
   * The maximum number of messages that wait for a handler; a further one is dead at once, with an
   * `OverflowError`. It is for at-most-once messages, and for other streams; for messages with
   * acks, the `window` of the session is the limit, and must be smaller.
   * @default 10_000
   */
  readonly maxWaiting?: number;
  /**
   * How a failed handler is retried, as with `retryBackoff`; `false`: not at all.
   * `metadata.maxRetries` of a message, less its `retryCount`, replaces `maxRetries`, up to 100.
   * @default 3 times, after 100, 200 and 400 ms
   */
  readonly retry?: Partial<Omit<RetryBackoffConfig, 'scheduler' | 'resetOnSuccess'>> | false;
  /**
   * Called with each message that has finally failed, and with its error: a `HandlerError`, whose
   * `cause` is the error of the last attempt, or an `OverflowError`. An exception ends the stream,
   * and the message is not acked.
   * @default `errors$` of the wire reports the error; if no wire
   * delivers the message, and there is no `deadLetter`, the error ends the stream
   */
  readonly onError?: (error: RxwireError, message: T) => void;
  /**
   * Stores each message that has finally failed. The message counts as processed when the work of
   * this callback is done.
   * @default `deadLetters.add` of the wire that delivers the message
   */
  readonly deadLetter?: (letter: DeadLetter) => HandlerWork<unknown>;
  /**
   * Writes the effects of a message, in one transaction with the cursor of the session's inbox. It
   * must be synchronous: one that returns a promise ends the stream with an `UnsupportedError`, and
   * its message is not acked. An exception rolls back the transaction, and counts as a failure of
   * the handler. The effect of an at-most-once message does not move the cursor.
   */
  readonly effect?: (transaction: Tx, message: T, result: R | undefined) => void;
  /** The scheduler for clock and timers. @default asyncScheduler, with a monotonic clock */
  readonly scheduler?: SchedulerLike;
}

/** A processed message. */
export type Consumed<T, R> = {
  readonly message: T;
  /** The number of calls of the handler. */
  readonly attempts: number;
} & (
  | {
      readonly status: 'done';
      /** The last value of the handler. */
      readonly result: R | undefined;
    }
  | {
      readonly status: 'dead';
      /** The error of the last attempt; an `OverflowError` if there was none. */
      readonly error: unknown;
    }
);
