import type { ObservableInput, SchedulerLike } from 'rxjs';
import type { RxwireError } from '../../errors.js';
import type { Message } from '../../message/types.js';
import type { MiddlewareContext } from './middlewareContext.js';

/**
 * The result of a middleware: a message replaces the original, `null` stops it, undefined passes it
 * on.
 */
// eslint-disable-next-line @typescript-eslint/no-invalid-void-type -- a callback that returns nothing is one
export type MiddlewareResult = Message | null | undefined | void;

/**
 * Inspects each message, synchronously or not. The first value of an Observable counts; an empty
 * one stops the message. All middlewares that a message passes share `context.metadata`.
 */
export type Middleware = (message: Message, context: MiddlewareContext) => MiddlewareResult | ObservableInput<MiddlewareResult>;

export interface UseOptions {
  /**
   * Called with each message whose middleware has failed, and with its error: a `MiddlewareError`,
   * whose `cause` is the error of the middleware; or the `RxwireError` that the middleware has
   * thrown; or an `OverflowError`. The message is dropped. An exception ends the stream, and the
   * message is not acked.
   * @default `errors$` of the wire reports the error; if no wire delivers the
   * message, the error ends the stream
   */
  readonly onError?: (error: RxwireError, message: Message) => void;
  /**
   * The maximum number of messages that wait for an earlier one; one more fails with an
   * `OverflowError`.
   * @default 10_000
   */
  readonly maxWaiting?: number;
  /**
   * The clock for the timestamps of dead letters.
   * @default asyncScheduler, with a monotonic clock
   */
  readonly scheduler?: SchedulerLike;
}
