import type { ObservableInput, SchedulerLike } from 'rxjs';
import type { RetryBackoffConfig } from '../../operators/retryBackoff.js';
import type { DeadLetter } from '../store/inbox.js';

/** What a callback does: at once, or until what it returns has completed. */
// eslint-disable-next-line @typescript-eslint/no-invalid-void-type -- a callback that returns nothing is one
export type HandlerWork<R> = ObservableInput<R> | void;

export interface ConsumeOptions<T, R, Tx> {
  /** Handlers that run at once. They start in order; only 1 keeps what they do in order, too. @default 1 */
  readonly concurrency?: number;
  /**
   * Messages that wait for a handler at most: one more is dead at once, with an `OverflowError`. What a session acks is bounded by its `window`,
   * which has to be smaller; this is for at-most-once messages, and for other streams. @default 10_000
   */
  readonly maxWaiting?: number;
  /** How a handler that fails is tried again, as with `retryBackoff`; `false`: not at all. @default 3 times, after 100, 200 and 400 ms */
  readonly retry?: Partial<Omit<RetryBackoffConfig, 'scheduler' | 'resetOnSuccess'>> | false;
  /** Gets what has failed for good. The message counts as processed when it is through with that. */
  readonly deadLetter?: (letter: DeadLetter) => HandlerWork<unknown>;
  /**
   * Writes what a message brings about, in one transaction with the cursor of the session's inbox. It must not wait for anything. A throw
   * undoes the transaction, and is a failure of the handler.
   */
  readonly effect?: (transaction: Tx, message: T, result: R | undefined) => void;
  /** Where the time comes from. @default asyncScheduler */
  readonly scheduler?: SchedulerLike;
}

/** The default values of the options above. That of `retry` is {@link RETRY_DEFAULTS}. */
export const CONSUME_DEFAULTS = { concurrency: 1, maxWaiting: 10_000 } as const;

/** The default of `retry`, also for `route` and queues. */
export const RETRY_DEFAULTS = { initialInterval: 100, maxRetries: 3 } as const;

/** A message that is processed. */
export type Consumed<T, R> = {
  readonly message: T;
  /** How often the handler was called. */
  readonly attempts: number;
} & (
  | {
      readonly status: 'done';
      /** The last value of the handler. */
      readonly result: R | undefined;
    }
  | {
      readonly status: 'dead';
      /** What the last attempt failed with; an `OverflowError`, if there was none. */
      readonly error: unknown;
    }
);
