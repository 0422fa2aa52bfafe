import type { ObservableInput, SchedulerLike } from 'rxjs';
import type { Message } from '../../message/types.js';

/** The result of a middleware: a message replaces the original, `null` stops it, undefined passes it on. */
// eslint-disable-next-line @typescript-eslint/no-invalid-void-type -- a callback that returns nothing is one
export type MiddlewareResult = Message | null | undefined | void;

/** Inspects each message, synchronously or not. The first value of an Observable counts; an empty one stops the message. */
export type Middleware = (message: Message) => MiddlewareResult | ObservableInput<MiddlewareResult>;

/** A message that was dropped because its middleware failed. */
export interface FailedMessage {
  readonly message: Message;
  /** The error of the middleware; an `OverflowError` if it was not called. */
  readonly error: unknown;
}

export interface UseOptions {
  /**
   * Called with messages whose middleware has failed, which are dropped. They are also reported in `errors$` of their wire. An exception
   * ends the stream.
   */
  readonly onError?: (failed: FailedMessage) => void;
  /** The maximum number of messages that wait for an earlier one; one more fails with an `OverflowError`. @default 10_000 */
  readonly maxWaiting?: number;
  /** The clock for the timestamps of dead letters. @default asyncScheduler */
  readonly scheduler?: SchedulerLike;
}

/** The default values of the options above. */
export const USE_DEFAULTS = { maxWaiting: 10_000 } as const;
